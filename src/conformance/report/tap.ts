import { isFailure, type Report } from './records.js'

/** Reports as TAP 14. */
export function writeTap(reports: readonly Report[]): string {
  const lines: string[] = []
  for (const { header, outcomes } of reports) {
    lines.push(`# ${header.impl.name} ${header.impl.version}`)
    for (const { asked, result } of outcomes) lines.push(...point(asked.case, asked.about, result))
  }
  const numbered = lines.reduce<{ out: string[]; n: number }>(
    ({ out, n }, line) => {
      const isPoint = /^(not )?ok - /.test(line)
      out.push(isPoint ? line.replace(/^((?:not )?ok) - /, `$1 ${n + 1} - `) : line)
      return { out, n: isPoint ? n + 1 : n }
    },
    { out: [], n: 0 },
  )
  return `TAP version 14\n1..${numbered.n}\n${numbered.out.map(line => `${line}\n`).join('')}`
}

function point(name: string, about: string, result: Report['outcomes'][number]['result']): string[] {
  const { verdict, reason = '', scored, notScored } = result
  const title = plain(`${name}: ${about}`)
  if (verdict === 'skip' || verdict === 'n/a') return [`ok - ${title} # SKIP ${plain(reason)}`]
  if (verdict === 'xfail') return [`not ok - ${title} # TODO ${plain(reason)}`]
  if (!isFailure(result)) return [`ok - ${title}`]
  if (!scored && verdict !== 'xpass') return [`not ok - ${title} # TODO ${notScored}: ${plain(reason)}`]
  return [`not ok - ${title}`, '  ---', `  message: ${JSON.stringify(reason)}`, `  severity: ${verdict}`, '  ...']
}

/** A # begins a directive, and a line end would end the test point. */
function plain(text: string): string {
  return text.replace(/[\\#]/g, '\\$&').replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
}
