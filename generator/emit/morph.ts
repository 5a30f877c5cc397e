import type { StatementStructures } from 'ts-morph'
import { loadTsMorph } from '../peers.js'
import { docText } from './printer.js'

/** Prints ts-morph structures as one source file below a header line. */
export async function printStructures(header: string, statements: (string | StatementStructures)[]): Promise<string> {
  const { Project } = await loadTsMorph()
  const project = new Project({ useInMemoryFileSystem: true, skipLoadingLibFiles: true })
  const file = project.createSourceFile('out.ts', { statements })
  return `${header}\n\n${file.getFullText()}`
}

/** JSDoc as a ts-morph structure; several lines start on a line of their own. */
export function docs(...paragraphs: readonly (string | undefined)[]): string[] {
  const text = docText(paragraphs)
  if (text === '') return []
  return [text.includes('\n') ? `\n${text}` : text]
}
