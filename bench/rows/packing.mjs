import { shipped } from '../lib/place.mjs'
import { international, json } from '../lib/texts.mjs'

const SIZES = [1024, 8 * 1024, 64 * 1024, 512 * 1024]
const KEY = Buffer.alloc(32, 7).toString('base64')
const MODES = { plain: {}, z: { compress: 'always' }, ze: { compress: 'always', encrypt: true } }

/** How many frames a payload takes, against the fewest that the platform's limit leaves possible. Nothing is timed. */
export async function run({ quick }) {
  const codec = await shipped('src/index.js')
  const keys = codec.keyRing([KEY])
  const lines = []
  for (const platform of codec.PLATFORMS) {
    const limit = codec.FRAME_LIMITS[platform]
    let worst = { ratio: 0, detail: '' }
    for (const [mode, { compress = 'never', encrypt = false }] of Object.entries(MODES)) {
      for (const length of quick ? SIZES.slice(0, 3) : SIZES) {
        for (const [kind, text] of Object.entries({ ASCII: json(length), international: international(length) })) {
          const options = { to: 'deploy', from: 'ci', limit, compress, maxChunks: 1e6, ...(encrypt ? { keys } : {}) }
          const { flags, frames } = await codec.encode(text, options)
          const wire = frames.map(frame => codec.parseEcho(frame).payload).join('')
          await check(codec, { frames, flags, wire, text, limit, keys })
          const least = fewest(codec.measure(wire, limit), limit, codec.formatFlags(flags))
          const ratio = frames.length / least
          const detail = `worst: ${frames.length} frames where ${least} might do, ${mode}, ${length / 1024} KiB ${kind}`
          if (ratio >= worst.ratio) worst = { ratio, detail }
        }
      }
    }
    lines.push({ what: platform, ...worst, reach: { most: 1.02 } })
  }
  return { lines }
}

async function check(codec, { frames, flags, wire, text, limit, keys }) {
  if (frames.some(frame => codec.measure(frame, limit) > limit.size)) throw new Error('a frame is too large')
  if ((await codec.decode(wire, flags, { keys })) !== text) throw new Error('the payload came back changed')
}

/** Fewest frames for so many units of payload, as if characters could be cut: nothing can do better. */
function fewest(units, limit, letters) {
  const bare = letters === '-' ? '' : letters
  const room = flags => limit.size - `./echo:deploy:ci:${flags}:`.length
  if (units <= room(letters)) return 1
  for (let total = 2; ; total++) {
    let most = 0
    for (let index = 1; index <= total && most < units; index++) most += room(`${bare}${index}/${total}`)
    if (most >= units) return total
  }
}
