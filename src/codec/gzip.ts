import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { WgrokError } from '../errors.js'

/** Up to this size, in bytes, gzip runs at once; above it on the thread pool. */
const GZIP_NOW = 64 * 1024

/** The same for what is to be decompressed, in bytes after it: about 2 ms. */
const GUNZIP_NOW = 512 * 1024

/** zlib comes back from its thread for every so many bytes of output. Its own 16 KiB make a large payload slow. */
const OUTPUT_CHUNK = 512 * 1024

/** A little more room than the output needs, else zlib asks for more of it. */
const ROOM = 64

/** Gzip makes nothing smaller than by this. */
const MOST_TIMES = 1032

const gzipInThread = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gzip)

/** Compresses; large input on the thread pool. */
export async function gzip(bytes: Buffer): Promise<Buffer> {
  if (bytes.length <= GZIP_NOW) return zlib.gzipSync(bytes)
  return await gzipInThread(bytes, { chunkSize: Math.min(bytes.length, OUTPUT_CHUNK) })
}

/** Whether bytes begin like gzip does. No base64 text begins so. */
export function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}

/** What zlib answers with `info: true`; the engine knows how much of the input it has used. */
interface Unzipped {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

/**
 * Decompresses gzip, whole and to the last byte.
 *
 * @param maxBytes stops before more than that comes out
 * @throws WgrokError `gzip-invalid` when it is no gzip, cut short, damaged or followed by anything else,
 *   `decompressed-too-large` when there is more than `maxBytes`.
 */
export async function gunzip(bytes: Buffer, maxBytes: number): Promise<Buffer> {
  let result: Unzipped
  try {
    result = gunzipNow(bytes, maxBytes) ?? (await gunzipInThread(bytes, maxBytes))
  } catch (cause) {
    if (isTooLarge(cause)) throw tooLarge(maxBytes, cause)
    throw new WgrokError('gzip-invalid', 'does not decompress', { cause })
  }
  if (result.engine.bytesWritten !== bytes.length) throw new WgrokError('gzip-invalid', 'bytes follow the gzip data')
  if (result.buffer.length > maxBytes) throw tooLarge(maxBytes, undefined)
  return result.buffer
}

/** Undefined when it is too large to be done at once, or only claims not to be. */
function gunzipNow(bytes: Buffer, maxBytes: number): Unzipped | undefined {
  // Damaged or false, the size costs GUNZIP_NOW of work at most.
  const size = claimedSize(bytes)
  if (size > GUNZIP_NOW || bytes.length > GUNZIP_NOW) return undefined
  const options = { info: true, maxOutputLength: limitOf(Math.min(maxBytes, GUNZIP_NOW)), chunkSize: size + ROOM }
  try {
    // The typings do not know about `info`.
    return zlib.gunzipSync(bytes, options) as unknown as Unzipped
  } catch (error) {
    if (isTooLarge(error) && maxBytes > GUNZIP_NOW) return undefined
    throw error
  }
}

function gunzipInThread(bytes: Buffer, maxBytes: number): Promise<Unzipped> {
  // In one piece if the size is right. If not, it is no larger than the limit, and no page of it is touched in vain.
  const chunkSize = Math.max(Math.min(claimedSize(bytes), maxBytes, MOST_TIMES * bytes.length), OUTPUT_CHUNK) + ROOM
  return new Promise((resolve, reject) => {
    const options = { info: true, maxOutputLength: limitOf(maxBytes), chunkSize }
    zlib.gunzip(bytes, options, (error, result) => {
      if (error === null) resolve(result as unknown as Unzipped)
      else reject(error)
    })
  })
}

/** What the last four bytes say about the size of what comes out, modulo 2^32. Anybody can write anything there. */
function claimedSize(bytes: Buffer): number {
  return bytes.length < 4 ? 0 : bytes.readUInt32LE(bytes.length - 4)
}

/** zlib takes no limit of 0. */
function limitOf(maxBytes: number): number {
  return Math.max(1, maxBytes)
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
}

function tooLarge(maxBytes: number, cause: unknown): WgrokError {
  return new WgrokError('decompressed-too-large', `more than ${maxBytes} bytes after decompression`, { cause })
}
