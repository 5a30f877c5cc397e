// Appends numbered messages to a spool and prints each number once it is accepted. Runs until it is killed.

import { writeSync } from 'node:fs'
import { LmdbSpool } from '../../src/spool/lmdb.js'

const [dir = '', start = '0'] = process.argv.slice(2)
const spool = await LmdbSpool.open({ dir })
spool.start(() => {})
for (let n = Number(start); ; n++) {
  const to = { platform: 'webex', kind: 'room', id: 'a' } as const
  await spool.append({ id: `n-${n}`, lane: 'a', to, text: String(n), acceptedAt: 1 })
  writeSync(1, `${n}\n`)
}
