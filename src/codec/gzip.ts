import { promisify } from 'node:util'
import * as zlib from 'node:zlib'
import { WgrokError } from '../errors.js'

/** Up to this size, in bytes, gzip runs at once; above it on the thread pool. */
const GZIP_NOW = 64 * 1024

/** The same for what is to be decompressed, in bytes after it: about 2 ms. */
const GUNZIP_NOW = 512 * 1024

/** zlib comes back from its thread for every so many bytes of output. Its own 16 KiB make a large payload slow. */
const OUTPUT_CHUNK = 512 * 1024

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
  // zlib takes no limit of 0.
  const options = { maxOutputLength: Math.max(1, maxBytes), info: true }
  let result: Unzipped
  try {
    result = gunzipNow(bytes, options) ?? (await gunzipInThread(bytes, options))
  } catch (cause) {
    if (isTooLarge(cause)) throw tooLarge(maxBytes, cause)
    throw new WgrokError('gzip-invalid', 'does not decompress', { cause })
  }
  if (result.engine.bytesWritten !== bytes.length) throw new WgrokError('gzip-invalid', 'bytes follow the gzip data')
  if (result.buffer.length > maxBytes) throw tooLarge(maxBytes, undefined)
  return result.buffer
}

type GunzipOptions = zlib.ZlibOptions & { readonly info: boolean; readonly maxOutputLength: number }

/** Undefined when it is too large to be done at once, or only claims not to be. */
function gunzipNow(bytes: Buffer, options: GunzipOptions): Unzipped | undefined {
  // The last four bytes are the size of what comes out. Damaged or false, they cost GUNZIP_NOW of work at most.
  const size = bytes.length < 4 ? 0 : bytes.readUInt32LE(bytes.length - 4)
  if (size > GUNZIP_NOW || bytes.length > GUNZIP_NOW) return undefined
  const maxOutputLength = Math.min(options.maxOutputLength, GUNZIP_NOW)
  try {
    // A little more room than the result needs, else zlib asks for more of it. The typings do not know about `info`.
    return zlib.gunzipSync(bytes, { ...options, maxOutputLength, chunkSize: size + 64 }) as unknown as Unzipped
  } catch (error) {
    if (isTooLarge(error) && maxOutputLength < options.maxOutputLength) return undefined
    throw error
  }
}

function gunzipInThread(bytes: Buffer, options: GunzipOptions): Promise<Unzipped> {
  return new Promise((resolve, reject) => {
    zlib.gunzip(bytes, { ...options, chunkSize: Math.min(4 * bytes.length, OUTPUT_CHUNK) }, (error, result) => {
      if (error === null) resolve(result as unknown as Unzipped)
      else reject(error)
    })
  })
}

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
}

function tooLarge(maxBytes: number, cause: unknown): WgrokError {
  return new WgrokError('decompressed-too-large', `more than ${maxBytes} bytes after decompression`, { cause })
}
