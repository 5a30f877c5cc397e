import { groupBySuite } from './junit.js'
import { isFailure, type Report, VERDICTS } from './records.js'

/** Most failures that a summary shows of one run. */
const SHOWN_MAX = 50

/** Reports as Markdown, for the summary of a build. */
export function writeMarkdown(reports: readonly Report[]): string {
  return reports.map(one).join('\n')
}

function one({ header, outcomes, footer }: Report): string {
  const { impl, spec } = header
  const used = VERDICTS.filter(verdict => (footer.counts[verdict] ?? 0) > 0)
  const rows = [...groupBySuite(outcomes)].map(([name, group]) => {
    const counts = used.map(verdict => group.filter(({ result }) => result.verdict === verdict).length)
    return `| ${cell(name)} | ${counts.map(count => (count === 0 ? '' : count)).join(' | ')} |`
  })
  const failures = outcomes.filter(({ result }) => isFailure(result))
  const listed = failures
    .slice(0, SHOWN_MAX)
    .map(
      ({ asked, result }) =>
        `| \`${asked.case}\` | ${result.verdict}${result.scored ? '' : ' (not scored)'} | ${cell(result.reason ?? '')} |`,
    )
  const more = failures.length > SHOWN_MAX ? `\n… and ${failures.length - SHOWN_MAX} more\n` : ''
  return [
    `### ${cell(impl.name)} ${cell(impl.version)}: ${footer.conformant ? 'conformant' : 'not conformant'} to wgrok ${spec}`,
    '',
    `${footer.passed} passed, ${footer.failed} failed, in ${(footer.ms / 1000).toFixed(1)} s`,
    '',
    `| suite | ${used.join(' | ')} |`,
    `| --- |${used.map(() => ' ---: |').join('')}`,
    ...rows,
    ...(listed.length === 0 ? [] : ['', '| case | verdict | reason |', '| --- | --- | --- |', ...listed]),
    ...(footer.baseline ?? []).map(problem => `\nBaseline ${cell(problem)}`),
    more,
  ].join('\n')
}

function cell(text: string): string {
  return text.replace(/[\\|`*_<>[\]]/g, '\\$&').replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
}
