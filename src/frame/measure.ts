import type { FrameLimit, FrameUnit } from '../protocol.js'

/**
 * How long a text is in the unit of `limit`, characters that cost more on the platform counted with their cost.
 *
 * Half a surrogate pair counts like the U+FFFD that it becomes.
 */
export function measure(text: string, limit: FrameLimit): number {
  return meterFor(limit).size(text)
}

/** Whether a text is no longer than `limit` allows. */
export function fits(text: string, limit: FrameLimit): boolean {
  // No character is longer than 3 bytes per UTF-16 unit, so most texts need not be counted.
  if (limit.costs === undefined && text.length * 3 <= limit.size) return true
  return measure(text, limit) <= limit.size
}

/** Counts text in a platform's unit. */
export interface Meter {
  /** Length of `text` in units. */
  size(text: string): number
  /** The largest `end` such that `text.slice(start, end)` is no longer than `room` and splits no surrogate pair. */
  reach(text: string, start: number, room: number): number
  /**
   * Whether every UTF-16 unit of `text` counts one and none is half of a pair, so that it can be cut anywhere.
   *
   * @param ascii that it is known to be ASCII. Default false: it is found out
   */
  flat(text: string, ascii?: boolean): boolean
}

const meters = new WeakMap<FrameLimit, Meter>()

/** The meter of a limit; made once for each limit object. */
export function meterFor(limit: FrameLimit): Meter {
  let meter = meters.get(limit)
  if (meter === undefined) {
    meter = createMeter(limit)
    meters.set(limit, meter)
  }
  return meter
}

function createMeter(limit: FrameLimit): Meter {
  const weights = weigh(limit)
  const costly = Object.keys(limit.costs ?? {})
  const uniform = costly.length === 0
  return {
    flat: (text, ascii = false) =>
      (ascii || Buffer.byteLength(text, 'utf8') === text.length) && !costly.some(char => text.includes(char)),
    size(text: string): number {
      if (uniform && limit.unit === 'utf8-bytes') return Buffer.byteLength(text, 'utf8')
      if (uniform && limit.unit === 'utf16-units') return text.length
      let size = 0
      for (let i = 0; i < text.length; ) {
        const width = pairAt(text, i) ? 2 : 1
        size += weights.of(text, i, width)
        i += width
      }
      return size
    },
    reach(text: string, start: number, room: number): number {
      let end = start
      let left = room
      while (end < text.length) {
        const width = pairAt(text, end) ? 2 : 1
        left -= weights.of(text, end, width)
        if (left < 0) break
        end += width
      }
      return end
    },
  }
}

interface Weights {
  /** Units of the character at `index`, which is `width` UTF-16 units wide. */
  of(text: string, index: number, width: 1 | 2): number
}

function weigh(limit: FrameLimit): Weights {
  const ascii = new Uint16Array(128).fill(1)
  const others = new Map<number, number>()
  for (const [char, cost] of Object.entries(limit.costs ?? {})) {
    const code = char.codePointAt(0) ?? 0
    if (code < 128) ascii[code] = cost
    else others.set(code, cost)
  }
  const { unit } = limit
  return {
    of(text: string, index: number, width: 1 | 2): number {
      const code = text.charCodeAt(index)
      if (code < 128) return ascii[code] ?? 1
      const cost = others.size === 0 ? undefined : others.get(text.codePointAt(index) ?? 0)
      return cost ?? plainWeight(unit, code, width)
    },
  }
}

function plainWeight(unit: FrameUnit, code: number, width: 1 | 2): number {
  if (unit === 'code-points') return 1
  if (unit === 'utf16-units') return width
  if (width === 2) return 4
  return code < 0x800 ? 2 : 3
}

function pairAt(text: string, index: number): boolean {
  const high = text.charCodeAt(index)
  if (high < 0xd800 || high > 0xdbff) return false
  const low = text.charCodeAt(index + 1)
  return low >= 0xdc00 && low <= 0xdfff
}
