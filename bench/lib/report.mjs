/**
 * @typedef {object} Line One line of the table.
 * @property {string} what what was measured
 * @property {number} ratio
 * @property {[number, number]} [spread] the middle half of the rounds
 * @property {{ most?: number, least?: number }} [reach] absent: told for scale only
 * @property {string} [unit] of `ratio` when it is not a quotient
 * @property {string} detail the absolute figures behind it, for scale only
 */

/** Whether a line reached what it should. */
export function met({ ratio, reach = {} }) {
  return ratio <= (reach.most ?? Number.POSITIVE_INFINITY) && ratio >= (reach.least ?? Number.NEGATIVE_INFINITY)
}

/** The table, for a terminal as for a page. */
export function table(rows) {
  const lines = rows.flatMap(row => [
    ...row.lines.map(line => [
      row.name,
      line.what,
      figure(line),
      spreadText(line),
      reachText(line),
      verdict(line),
      line.detail,
    ]),
    ...(row.skipped === undefined ? [] : [[row.name, '', '', '', '', 'not measured', row.skipped]]),
  ])
  const all = [['row', 'case', 'ratio', 'spread', 'reach', '', 'figures'], ...lines]
  const widths = all[0].map((_, column) => Math.max(...all.map(line => line[column].length)))
  const text = all.map(line => `| ${line.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`)
  text.splice(1, 0, `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`)
  return text.join('\n')
}

function verdict(line) {
  if (line.reach === undefined) return 'for scale'
  return met(line) ? 'met' : 'NOT MET'
}

function figure({ ratio, unit }) {
  return unit === undefined ? number(ratio) : `${number(ratio)} ${unit}`
}

function spreadText({ spread }) {
  return spread === undefined ? '' : `${number(spread[0])} - ${number(spread[1])}`
}

function reachText({ reach, unit }) {
  if (reach === undefined) return ''
  const limit = reach.most === undefined ? `>= ${number(reach.least)}` : `<= ${number(reach.most)}`
  return unit === undefined ? limit : `${limit} ${unit}`
}

/** Three digits that matter, thousands apart. */
export function number(value) {
  if (!Number.isFinite(value)) return String(value)
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US')
  return String(Number(value.toPrecision(3)))
}

/** @param {number} ns */
export function duration(ns) {
  if (ns < 1e3) return `${number(ns)} ns`
  if (ns < 1e6) return `${number(ns / 1e3)} us`
  return ns < 1e9 ? `${number(ns / 1e6)} ms` : `${number(ns / 1e9)} s`
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1024 ** 2 ? `${number(bytes / 1024)} KiB` : `${number(bytes / 1024 ** 2)} MiB`
}
