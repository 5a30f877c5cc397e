import { performance } from 'node:perf_hooks'
import { compare, growth, interleave, median, same } from '../lib/measure.mjs'
import { shipped } from '../lib/place.mjs'
import { duration } from '../lib/report.mjs'

const SIZES = [10, 100, 1_000, 10_000, 100_000]
const SENDERS = 512

/** Asking whether somebody may speak, against one look-up in a Set that holds as many names. */
export async function run({ quick }) {
  const { compileAllowlist } = await shipped('src/access/allowlist.js')
  const lines = []
  const series = { allowlist: [], 'one Set look-up': [] }
  for (const size of SIZES) {
    const names = Array.from({ length: size }, (_, i) => patternOf(i))
    const senders = Array.from({ length: SENDERS }, (_, i) => senderOf((i * 7919) % size, i % 4 === 3))
    const allowlist = compileAllowlist(names)
    // What the look-up of an exact name needs: a set that holds exactly those who may speak.
    const set = new Set(names.map((name, i) => (name.startsWith('*') ? senderOf(i, false) : name)))
    const identities = senders.map(sender => ({ principals: [sender] }))
    for (const [i, identity] of identities.entries()) {
      if (allowlist.allows(identity) !== set.has(senders[i])) throw new Error(`verdicts on ${senders[i]} differ`)
    }
    const sides = {
      ours: count => {
        let allowed = 0
        for (let i = 0; i < count; i++) if (allowlist.allows(identities[i % SENDERS])) allowed++
        return allowed
      },
      set: count => {
        let allowed = 0
        for (let i = 0; i < count; i++) if (set.has(senders[i % SENDERS])) allowed++
        return allowed
      },
    }
    const figures = await interleave(sides, { ms: quick ? 400 : 2_500 })
    const detail = `${duration(median(figures.ours))}, Set ${duration(median(figures.set))}`
    lines.push({
      what: `${size.toLocaleString('en-US')} patterns`,
      ...compare(figures.ours, figures.set),
      reach: { most: 3 },
      detail,
    })
    series.allowlist.push([size, median(figures.ours)])
    series['one Set look-up'].push([size, median(figures.set)])
  }
  lines.push(neverHeard(compileAllowlist, quick))
  const slope = growth(series.allowlist)
  const own = growth(series['one Set look-up'])
  lines.push({
    what: 'growth with the patterns',
    ratio: slope,
    unit: 'exponent',
    reach: { most: 0.1 },
    detail: `the Set itself ${own.toFixed(3)}`,
  })
  return { lines, charts: { allowlist: { title: 'Allowlist', x: 'patterns', y: 'time per look-up, ns', series } } }
}

function patternOf(i) {
  return i % 2 === 0 ? `bot${i}@corp${i}.example` : `*@team${i}.example`
}

function senderOf(i, stranger) {
  if (stranger) return `guest${i}@elsewhere${i}.example`
  return i % 2 === 0 ? `bot${i}@corp${i}.example` : `somebody@team${i}.example`
}

/**
 * Senders that nobody has asked for before, each name a new string as it comes out of a message, so that neither side
 * finds its hash in it. They are made outside what is timed, and so is a new allowlist once all have asked.
 */
function neverHeard(compileAllowlist, quick) {
  const [size, batch] = [10_000, 2_000]
  const patterns = Array.from({ length: size }, (_, i) => patternOf(i))
  let allowlist
  const set = new Set(Array.from({ length: size }, (_, i) => senderOf(i, false)))
  const names = Array.from({ length: size }, (_, i) => senderOf((i * 7919) % size, i % 4 === 3))
  const texts = Array.from({ length: size / batch }, (_, i) => JSON.stringify(names.slice(i * batch, (i + 1) * batch)))
  const sides = {
    ours: identities => {
      let allowed = 0
      for (const identity of identities) if (allowlist.allows(identity)) allowed++
      return allowed
    },
    set: identities => {
      let allowed = 0
      for (const { principals } of identities) if (set.has(principals[0])) allowed++
      return allowed
    },
  }
  const figures = { ours: [], set: [] }
  const [warm, rounds] = quick ? [50, 100] : [100, 600]
  for (let round = -warm; round < rounds; round++) {
    if (round % texts.length === 0) allowlist = compileAllowlist(patterns)
    const verdicts = []
    for (const side of round % 2 === 0 ? ['ours', 'set'] : ['set', 'ours']) {
      const identities = JSON.parse(texts.at(round % texts.length)).map(name => ({ principals: [name] }))
      globalThis.gc?.({ type: 'minor' })
      const start = performance.now()
      verdicts.push(sides[side](identities))
      if (round >= 0) figures[side].push(((performance.now() - start) * 1e6) / batch)
    }
    same(verdicts[0], verdicts[1], 'senders never heard before')
  }
  const detail = `${duration(median(figures.ours))}, Set ${duration(median(figures.set))}`
  return { what: 'senders never heard before', ...compare(figures.ours, figures.set), reach: { most: 3 }, detail }
}
