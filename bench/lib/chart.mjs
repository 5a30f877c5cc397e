import { number } from './report.mjs'

const WIDTH = 560
const HEIGHT = 300
const LEFT = 70
const RIGHT = 130
const TOP = 36
const BOTTOM = 46
const COLOURS = ['#0b6bcb', '#c9541d', '#2a8a3e', '#8a3ea8', '#7a6a00', '#555555']

/**
 * A small chart with logarithmic axes, on which linear growth is a line of slope 1 (drawn dotted).
 *
 * @param {{ title: string, x: string, y: string, series: Record<string, [number, number][]> }} chart
 * @returns {string} SVG
 */
export function chart({ title, x, y, series }) {
  const points = Object.values(series).flat()
  const across = axis(
    points.map(point => point[0]),
    LEFT,
    WIDTH - RIGHT,
  )
  const up = axis(
    points.map(point => point[1]),
    HEIGHT - BOTTOM,
    TOP,
  )
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="11">`,
    `<title>${title}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(WIDTH / 2, 18, title, 'middle', 'font-size="13" font-weight="bold"'),
    ...across.ticks.flatMap(tick => [
      line(across.at(tick), TOP, across.at(tick), HEIGHT - BOTTOM, 'stroke="#e4e4e4"'),
      text(across.at(tick), HEIGHT - BOTTOM + 15, short(tick), 'middle'),
    ]),
    ...up.ticks.flatMap(tick => [
      line(LEFT, up.at(tick), WIDTH - RIGHT, up.at(tick), 'stroke="#e4e4e4"'),
      text(LEFT - 6, up.at(tick) + 4, short(tick), 'end'),
    ]),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x, 'middle'),
    text(14, HEIGHT / 2, y, 'middle', `transform="rotate(-90 14 ${HEIGHT / 2})"`),
    linear(Object.values(series)[0] ?? [], across, up),
    ...Object.entries(series).flatMap(([name, own], index) => curve(name, own, COLOURS[index % 6], index, across, up)),
    '</svg>',
  ]
  return `${parts.join('\n')}\n`
}

function curve(name, points, colour, index, across, up) {
  const path = points.map(([x, y]) => `${round(across.at(x))},${round(up.at(y))}`)
  return [
    `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...path.map(point => `<circle cx="${point.split(',')[0]}" cy="${point.split(',')[1]}" r="3" fill="${colour}"/>`),
    text(WIDTH - RIGHT + 10, TOP + 12 + index * 16, name, 'start', `fill="${colour}"`),
  ]
}

/** What linear growth from the first point would look like. */
function linear([first, ...rest], across, up) {
  const last = rest.at(-1)
  if (first === undefined || last === undefined) return ''
  const top = (first[1] * last[0]) / first[0]
  const end = Math.min(top, up.max)
  const x = (last[0] * end) / top
  return line(across.at(first[0]), up.at(first[1]), across.at(x), up.at(end), 'stroke="#999" stroke-dasharray="2 4"')
}

/** A logarithmic axis over whole powers of ten, or of what it takes to see anything. */
function axis(values, from, to) {
  const min = 10 ** Math.floor(Math.log10(Math.min(...values)))
  const max = 10 ** Math.max(Math.ceil(Math.log10(Math.max(...values))), Math.log10(min) + 1)
  const ticks = []
  for (let tick = min; tick <= max * 1.0001; tick *= 10) ticks.push(tick)
  return { max, ticks, at: value => from + ((to - from) * Math.log(value / min)) / Math.log(max / min) }
}

function short(value) {
  if (value >= 1e9) return `${number(value / 1e9)}G`
  if (value >= 1e6) return `${number(value / 1e6)}M`
  return value >= 1e3 ? `${number(value / 1e3)}k` : number(value)
}

function line(x1, y1, x2, y2, style) {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" ${style}/>`
}

function text(x, y, content, anchor, style = '') {
  const safe = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" ${style}>${safe}</text>`
}

function round(value) {
  return Math.round(value * 10) / 10
}
