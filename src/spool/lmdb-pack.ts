import { crc32 } from 'node:zlib'

const CRC_BYTES = 4
const HEAD_BYTES = 8

/** JSON behind its checksum, and behind its id, which can then be told without reading it. */
export function pack(value: unknown, id: string = ''): Buffer {
  const text = id + JSON.stringify(value)
  const packed = Buffer.allocUnsafe(HEAD_BYTES + Buffer.byteLength(text))
  packed.writeUInt32LE(Buffer.byteLength(id), CRC_BYTES)
  packed.write(text, HEAD_BYTES)
  packed.writeUInt32LE(crc32(packed.subarray(CRC_BYTES)), 0)
  return packed
}

/** Undefined when the checksum does not match. */
export function unpack<T>(packed: Buffer | undefined): T | undefined {
  if (packed === undefined || packed.length < HEAD_BYTES) return undefined
  if (crc32(packed.subarray(CRC_BYTES)) !== packed.readUInt32LE(0)) return undefined
  return JSON.parse(packed.toString('utf8', HEAD_BYTES + packed.readUInt32LE(CRC_BYTES))) as T
}

/** The id of what {@link pack} wrote, without reading the rest. */
export function idOf(packed: Buffer): string {
  if (packed.length < HEAD_BYTES) return ''
  return packed.toString('utf8', HEAD_BYTES, HEAD_BYTES + packed.readUInt32LE(CRC_BYTES))
}

/** Note of an id that has left, and when. */
export function writeDone(time: number, id: string): Buffer {
  return Buffer.from(`${time} ${id}`, 'utf8')
}

/** Reads what {@link writeDone} wrote. */
export function readDone(value: Buffer): { readonly time: number; readonly id: string } {
  const text = value.toString('utf8')
  const space = text.indexOf(' ')
  return { time: Number(text.slice(0, space)), id: text.slice(space + 1) }
}
