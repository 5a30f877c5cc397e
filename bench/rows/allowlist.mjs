import { compare, growth, interleave, median } from '../lib/measure.mjs'
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
    const names = Array.from({ length: size }, (_, i) =>
      i % 2 === 0 ? `bot${i}@corp${i}.example` : `*@team${i}.example`,
    )
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
  lines.push(await neverHeard(compileAllowlist, quick))
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

function senderOf(i, stranger) {
  if (stranger) return `guest${i}@elsewhere${i}.example`
  return i % 2 === 0 ? `bot${i}@corp${i}.example` : `somebody@team${i}.example`
}

/** Verdicts are remembered. These senders are more than that, so that each is as new as the first time. */
async function neverHeard(compileAllowlist, quick) {
  const names = Array.from({ length: 10_000 }, (_, i) => senderOf(i, i % 4 === 3))
  const allowlist = compileAllowlist(names.filter((_, i) => i % 4 !== 3))
  const set = new Set(names.filter((_, i) => i % 4 !== 3))
  const identities = names.map(name => ({ principals: [name] }))
  for (const [i, identity] of identities.entries()) {
    if (allowlist.allows(identity) !== set.has(names[i])) throw new Error(`verdicts on ${names[i]} differ`)
  }
  let [at, setAt] = [0, 0]
  const sides = {
    ours: count => {
      for (let i = 0; i < count; i++) allowlist.allows(identities[at++ % names.length])
    },
    set: count => {
      let allowed = 0
      for (let i = 0; i < count; i++) if (set.has(names[setAt++ % names.length])) allowed++
      return allowed
    },
  }
  const figures = await interleave(sides, { ms: quick ? 400 : 2_500 })
  const detail = `${duration(median(figures.ours))}, Set ${duration(median(figures.set))}`
  return { what: 'senders never heard before', ...compare(figures.ours, figures.set), reach: { most: 3 }, detail }
}
