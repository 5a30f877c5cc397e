import { SCRIPT, STYLE } from './html-page.js'
import { groupBySuite } from './junit.js'
import { type CaseRecord, isFailure, type Report, type ResultRecord, VERDICTS } from './records.js'

/** Longest text of an input or answer that a page shows, in characters. */
const SHOWN_MAX = 4000

/**
 * Reports as one page that needs nothing else: implementations by suites, and for each case what was asked, expected
 * and answered.
 */
export function writeHtml(reports: readonly Report[]): string {
  const suites = [...new Set(reports.flatMap(({ outcomes }) => [...groupBySuite(outcomes).keys()]))]
  const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>wgrok conformance</title>
<style>${STYLE}</style>
</head>
<body>
<header><h1>wgrok conformance</h1>${reports.map(summary).join('')}</header>
<main>
${matrix(reports, suites)}
<form id="filter"><label>Show <select name="verdict"><option value="">all</option><option value="bad">failures</option>${VERDICTS.map(verdict => `<option>${verdict}</option>`).join('')}</select></label>
<label>that mention <input name="text" type="search" placeholder="a name, an operation, a word"></label> <output></output></form>
${suites.map(suite => section(suite, reports)).join('\n')}
</main>
<script>${SCRIPT}</script>
</body>
</html>
`
}

function summary({ header, footer }: Report): string {
  const { impl, spec, time, command } = header
  const asked = command === undefined ? 'in this process' : `<code>${html(command.join(' '))}</code>`
  const counts = VERDICTS.filter(verdict => (footer.counts[verdict] ?? 0) > 0)
    .map(verdict => `<span class="tag ${className(verdict)}">${footer.counts[verdict]} ${verdict}</span>`)
    .join(' ')
  const problems = (footer.baseline ?? []).map(problem => `<p class="bad">Baseline ${html(problem)}</p>`).join('')
  return `<section><h2>${html(impl.name)} ${html(impl.version)} <small>${html(impl.language)}</small></h2>
<p><strong class="${footer.conformant ? 'good' : 'bad'}">${footer.conformant ? 'Conformant' : 'Not conformant'}</strong> to ${html(spec)}: ${footer.passed} passed, ${footer.failed} failed</p>
<p>${counts}</p><p><small>${html(time)}, ${(footer.ms / 1000).toFixed(1)} s, ${asked}</small></p>${problems}</section>`
}

function matrix(reports: readonly Report[], suites: readonly string[]): string {
  const groups = reports.map(({ outcomes }) => groupBySuite(outcomes))
  const rows = suites.map(suite => {
    const cells = groups.map(group => {
      const outcomes = group.get(suite) ?? []
      const applied = outcomes.filter(({ result }) => result.verdict !== 'n/a')
      const passed = applied.filter(({ result }) => result.verdict === 'pass').length
      const bad = applied.some(({ result }) => isFailure(result))
      const kind = applied.length === 0 ? 'none' : bad ? 'bad' : passed === applied.length ? 'good' : 'part'
      const share = applied.length === 0 ? 'n/a' : `${passed} / ${applied.length}`
      return `<td class="${kind}"><a href="#${html(suite)}">${share}</a></td>`
    })
    return `<tr><th scope="row"><a href="#${html(suite)}">${html(suite)}</a></th>${cells.join('')}</tr>`
  })
  const heads = reports.map(({ header }) => `<th scope="col">${html(header.impl.name)}</th>`).join('')
  return `<table class="matrix"><caption>Passed of the cases that apply</caption><thead><tr><th scope="col">suite</th>${heads}</tr></thead><tbody>${rows.join('')}</tbody></table>`
}

function section(suite: string, reports: readonly Report[]): string {
  const asked = new Map<
    string,
    { readonly record: CaseRecord; readonly results: (readonly [string, ResultRecord])[] }
  >()
  for (const { header, outcomes } of reports) {
    for (const outcome of groupBySuite(outcomes).get(suite) ?? []) {
      const entry = asked.get(outcome.asked.case) ?? { record: outcome.asked, results: [] }
      entry.results.push([header.impl.name, outcome.result])
      asked.set(outcome.asked.case, entry)
    }
  }
  return `<section class="suite" id="${html(suite)}"><h2>${html(suite)}</h2>${[...asked.values()].map(({ record, results }) => details(record, results)).join('\n')}</section>`
}

function details(asked: CaseRecord, results: readonly (readonly [string, ResultRecord])[]): string {
  const tags = results.map(([name, result]) => tag(results.length > 1 ? `${name}: ` : '', result)).join(' ')
  const id = asked.case.slice(asked.case.indexOf('#') + 1)
  const verdicts = [
    ...new Set(results.flatMap(([, result]) => (isFailure(result) ? ['bad', result.verdict] : [result.verdict]))),
  ]
  const question = asked.script === undefined ? block('input', asked.input) : block('script', asked.script)
  return `<details class="case" id="${html(asked.case)}" data-verdicts="${verdicts.join(' ')}"><summary>${tags} <b>${html(id)}</b> <span>${html(asked.about)}</span></summary>
<p><code>${html(asked.op)}</code> ${asked.level}${(asked.spec ?? []).map(place => ` <code>${html(place)}</code>`).join('')}</p>
${question}${block('expect', asked.expect)}${results.map(answer).join('')}</details>`
}

function tag(prefix: string, { verdict, scored }: ResultRecord): string {
  return `<span class="tag ${className(verdict)}">${html(prefix)}${verdict}${scored ? '' : ' (not scored)'}</span>`
}

function answer([name, { reason, trace, wire, issue, notScored, ms }]: readonly [string, ResultRecord]): string {
  const lines = (wire ?? []).map(({ direction, text }) => `${direction} ${clip(text)}`).join('\n')
  const parts = [
    reason === undefined ? '' : `<p class="reason">${html(reason)}</p>`,
    notScored === undefined ? '' : `<p>Not scored: ${html(notScored)}</p>`,
    issue === undefined ? '' : `<p>See ${html(issue)}</p>`,
    lines === '' ? '' : `<h4>on the wire</h4><pre>${html(lines)}</pre>`,
    trace === undefined ? '' : `<h4>trace</h4><pre>${html(clip(trace))}</pre>`,
  ].join('')
  return parts === '' ? '' : `<h3>${html(name)} <small>${ms} ms</small></h3>${parts}`
}

function block(name: string, value: unknown): string {
  return value === undefined ? '' : `<h4>${name}</h4><pre>${html(clip(JSON.stringify(value, null, 1)))}</pre>`
}

function clip(text: string): string {
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}… ${text.length - SHOWN_MAX} characters more` : text
}

function className(verdict: string): string {
  return verdict === 'n/a' ? 'na' : verdict
}

/** Text for HTML, also within quotes. What could hide or turn text around is shown as an escape. */
function html(text: string): string {
  return text
    .replace(/[&<>"']/g, char => `&#${char.charCodeAt(0)};`)
    .replace(
      /(?![\n\t])\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu,
      char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
}
