import { start } from '../lib/child.mjs'
import { growth } from '../lib/measure.mjs'
import { size } from '../lib/report.mjs'

/** What one adapter costs that is registered and says nothing, against a bare `ws` connection. */
export async function run({ quick, progress }) {
  const counts = quick ? [500, 1_500] : [1_000, 3_000, 10_000]
  const points = { router: [], 'raw ws': [] }
  for (const count of counts) {
    for (const [name, side] of [
      ['router', 'ours'],
      ['raw ws', 'raw'],
    ]) {
      progress(`${count} connections, ${name}`)
      points[name].push([count, await memory(side, count)])
    }
  }
  const [[most, ours], [, raw]] = [points.router.at(-1), points['raw ws'].at(-1)]
  const per = bytes => size(Math.round(bytes / most))
  const detail = `${per(ours)} each, raw ws ${per(raw)}`
  const slope = growth(points.router)
  return {
    lines: [
      { what: `${most.toLocaleString('en-US')} idle connections`, ratio: ours / raw, reach: { most: 1.5 }, detail },
      {
        what: 'growth with the connections',
        ratio: slope,
        unit: 'exponent',
        reach: { most: 1.1 },
        detail: 'memory of all of them',
      },
    ],
    charts: { idle: { title: 'Memory of idle bridge connections', x: 'connections', y: 'bytes', series: points } },
  }
}

async function memory(side, count) {
  const server = await start('./bridge-server.mjs', [side, '1'])
  // What only the first connections cost, code above all, is no part of it.
  const warm = await start('./idle-clients.mjs', [String(server.first), '50'])
  const before = await server.ask('memory')
  const clients = await start('./idle-clients.mjs', [String(server.first), String(count)])
  const after = await server.ask('memory')
  await Promise.all([clients.stop(), warm.stop()])
  await server.stop()
  return after.rss - before.rss
}
