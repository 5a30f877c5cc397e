import { performance } from 'node:perf_hooks'

/** A batch shorter than this, in ms, measures the timer rather than the work. */
const BATCH_MIN = 4
const WARM_UP_SHARE = 0.15

/**
 * Times several sides against each other: rounds in which every side runs one batch, the order turning with each round,
 * so that whatever else the machine does hits all of them alike.
 *
 * @param {Record<string, (count: number) => unknown>} sides each does its work `count` times; may return a promise.
 * @param {{ ms: number, rounds?: number }} budget total time for all sides, in ms.
 * @returns {Promise<Record<string, number[]>>} nanoseconds per piece of work, one figure per round.
 */
export async function interleave(sides, { ms, rounds = 15 }) {
  const names = Object.keys(sides)
  const share = (ms * (1 - WARM_UP_SHARE)) / rounds / names.length
  const counts = {}
  for (const name of names) counts[name] = await calibrate(sides[name], share, (ms * WARM_UP_SHARE) / names.length)
  const figures = Object.fromEntries(names.map(name => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length]
      globalThis.gc?.({ type: 'minor' })
      figures[name].push(((await time(sides[name], counts[name])) * 1e6) / counts[name])
    }
  }
  return figures
}

/** Runs until warm, and finds how many pieces of work fill `share` ms. */
async function calibrate(side, share, warmUp) {
  const target = Math.max(share, BATCH_MIN)
  const end = performance.now() + warmUp
  let count = 1
  for (;;) {
    const took = await time(side, count)
    const enough = took >= target / 2
    if (enough && performance.now() >= end) return Math.max(1, Math.round((count * target) / took))
    if (!enough) count = took < target / 20 ? count * 8 : Math.ceil((count * target) / took)
  }
}

async function time(side, count) {
  const start = performance.now()
  const result = side(count)
  if (result instanceof Promise) await result
  return performance.now() - start
}

/** The middle of the figures. */
export function median(figures) {
  return quantile(figures, 0.5)
}

/** @param {number} q between 0 and 1. */
export function quantile(figures, q) {
  const sorted = [...figures].sort((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const low = sorted[Math.floor(at)] ?? Number.NaN
  return low + ((sorted[Math.ceil(at)] ?? low) - low) * (at - Math.floor(at))
}

/**
 * One figure over another, round by round: the median of the quotients, and the quarters around it as the spread.
 *
 * @returns {{ ratio: number, spread: [number, number] }}
 */
export function compare(above, below) {
  const quotients = above.map((figure, round) => figure / below[round])
  return { ratio: median(quotients), spread: [quantile(quotients, 0.25), quantile(quotients, 0.75)] }
}

/**
 * How cost grows: the slope of a straight line through the logarithms. 1 is linear, 0 flat.
 *
 * @param {readonly (readonly [number, number])[]} points
 */
export function growth(points) {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)])
  const mean = axis => logs.reduce((sum, point) => sum + point[axis], 0) / logs.length
  const [mx, my] = [mean(0), mean(1)]
  const over = logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0)
  return over / logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0)
}

/** Throws unless both sides say the same: nothing is timed before that. */
export function same(ours, theirs, what) {
  const [a, b] = [JSON.stringify(ours), JSON.stringify(theirs)]
  if (a !== b) throw new Error(`${what}: the outputs differ: ${a?.slice(0, 200)} and ${b?.slice(0, 200)}`)
}
