import type { RawData } from 'ws'
import { WebSocket } from 'ws'
import type { ErrorCode } from '../../generated/errors.js'
import { WgrokError } from '../errors.js'
import { closeCode, errorEnvelope, writeEnvelope } from './envelope.js'

/** Close codes that ws sends on its own when a frame breaks the WebSocket protocol, with what we say before. */
const BROKEN_FRAME: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  1002: ['envelope-invalid', 'the frame breaks the WebSocket protocol'],
  1007: ['envelope-invalid', 'the text is not UTF-8'],
  1008: ['body-too-large', 'the frame has too many fragments'],
  1009: ['body-too-large', 'the envelope exceeds the limit'],
}

/** The server's side of one WebSocket. Says `error` before every close that is a refusal, also where ws itself refuses. */
export class ServerSocket extends WebSocket {
  /** ws calls this when a frame is broken or too large, before anybody else could speak. */
  override close(code?: number, reason?: string | Buffer): void {
    const broken = code === undefined || reason !== undefined ? undefined : BROKEN_FRAME[code]
    if (broken !== undefined && this.readyState === WebSocket.OPEN) {
      super.send(writeEnvelope(errorEnvelope(...broken)))
      super.close(code, broken[0])
    } else {
      super.close(code, reason)
    }
  }
}

/** Hands one text frame to the system. @throws WgrokError `connection-lost` when the socket closes before. */
export function sendText(socket: WebSocket, data: string | Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(data, { binary: false }, error => {
      if (error === undefined || error === null) resolve()
      else reject(new WgrokError('connection-lost', 'the connection closed while sending', { cause: error }))
    })
  })
}

/** Says why, closes, and destroys the socket when the peer does not answer the close. */
export function refuse(socket: WebSocket, code: ErrorCode, detail: string): void {
  if (socket.readyState !== WebSocket.OPEN) return
  socket.send(writeEnvelope(errorEnvelope(code, detail)), () => {})
  socket.close(closeCode(code), code)
}

/** The text of a frame. ws has checked that it is UTF-8. */
export function textOf(data: RawData): string {
  return (Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data)).toString('utf8')
}
