import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { writeHtml } from '../../conformance/report/html.js'
import { writeJunit } from '../../conformance/report/junit.js'
import { writeMarkdown } from '../../conformance/report/markdown.js'
import { writeNdjson } from '../../conformance/report/ndjson.js'
import type { Report } from '../../conformance/report/records.js'
import { writeTap } from '../../conformance/report/tap.js'
import { WgrokError } from '../../errors.js'
import type { CliIo } from '../io.js'

/** Options that ask for reports. */
export interface ReportFlags {
  readonly junit?: string
  readonly html?: string
  readonly ndjson?: string
  readonly md?: boolean
  readonly json?: boolean
  readonly tap?: boolean
}

const FILES = { junit: writeJunit, html: writeHtml, ndjson: writeNdjson } as const
const STREAMS = { json: writeNdjson, md: writeMarkdown, tap: writeTap } as const

/** Writes the files that were asked for; stdout gets one of the other forms, or else what `print` says. */
export async function writeReports(
  io: CliIo,
  flags: ReportFlags,
  reports: readonly Report[],
  print: () => Promise<void>,
): Promise<void> {
  for (const [name, write] of Object.entries(FILES)) {
    const file = flags[name as keyof typeof FILES]
    if (file !== undefined) await save(resolve(io.cwd, file), write(reports), name)
  }
  const streams = Object.keys(STREAMS).filter(name => flags[name as keyof typeof STREAMS] === true)
  if (streams.length > 1) throw new WgrokError('config-invalid', `--${streams.join(' and --')} exclude each other`)
  const [stream] = streams
  if (stream === undefined) await print()
  else await io.stdout(STREAMS[stream as keyof typeof STREAMS](reports))
}

async function save(file: string, text: string, name: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new WgrokError('config-invalid', `the file of --${name} cannot be written (${code})`, { cause })
  }
}
