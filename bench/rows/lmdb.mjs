import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { compare, interleave, median, same } from '../lib/measure.mjs'
import { shipped } from '../lib/place.mjs'
import { number } from '../lib/report.mjs'

/** Messages that arrive together and share one sync. */
const WAVE = 500

/** Messages accepted and on disk, against bare puts of the same bytes, a batch and a sync for the same number. */
export async function run({ quick }) {
  const { LmdbSpool } = await shipped('src/spool/lmdb.js').catch(() => ({}))
  if (LmdbSpool === undefined) return { lines: [], skipped: 'the build has no lmdb spool' }
  const { open } = await import('lmdb')
  const dir = mkdtempSync(path.join(os.tmpdir(), 'wgrok-bench-'))
  try {
    const spool = await LmdbSpool.open({ dir: path.join(dir, 'ours') })
    await spool.start(() => {})
    const raw = open({ path: path.join(dir, 'raw'), noSubdir: false, encoding: 'binary', overlappingSync: false })
    let at = 0
    let rawAt = 0
    const ours = waves(() => spool.append(entryOf(at++)))
    const puts = waves(() => raw.put(rawAt++, Buffer.from(JSON.stringify(entryOf(rawAt)))))
    await ours(WAVE)
    await puts(WAVE)
    same(
      spool.take('bridge:lane0')?.entry,
      JSON.parse(raw.get(0).toString()).id === 'bridge:message-1' ? entryOf(0) : undefined,
      'what was kept',
    )
    const figures = await interleave({ ours, raw: puts }, { ms: quick ? 3_000 : 12_000, rounds: 9 })
    await spool.close()
    await raw.close()
    const detail = `${number(1e9 / median(figures.ours))}/s, raw ${number(1e9 / median(figures.raw))}/s`
    return {
      lines: [
        { what: 'accepted durable messages', ...compare(figures.raw, figures.ours), reach: { least: 0.7 }, detail },
      ],
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function waves(one) {
  return async count => {
    for (let left = count; left > 0; left -= WAVE) {
      await Promise.all(Array.from({ length: Math.min(left, WAVE) }, one))
    }
  }
}

function entryOf(i) {
  const id = `lane${i % 16}`
  return {
    id: `bridge:message-${i}`,
    lane: `bridge:${id}`,
    to: { platform: 'bridge', kind: 'adapter', id },
    text: `${id}:ci:-:{"job":${i},"state":"queued"}`,
    acceptedAt: 1,
  }
}
