import type { IncomingMessage } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { matchBridge } from '../../generated/channels.js'
import { ERRORS, type ErrorCode } from '../../generated/errors.js'
import type { Problem } from '../../generated/models.js'
import { isAdapterName } from './names.js'
import type { TokenProof, TokenTable } from './tokens.js'

/** What the gate decides about one upgrade request. */
export type Admission =
  | { readonly kind: 'admit'; readonly platform: string; readonly proof: TokenProof; readonly fromQuery: boolean }
  | { readonly kind: 'refuse'; readonly code: ErrorCode }
  /** The path is not one of the bridge. */
  | { readonly kind: 'elsewhere' }

/**
 * Decides by path and token, before the upgrade.
 *
 * Whether a name may exist is public knowledge (400). Beyond that a refusal is always the same 401, so that it tells
 * neither which platforms have a token nor what was wrong with the one that came.
 */
export function admit(request: IncomingMessage, tokens: TokenTable): Admission {
  const { path, query } = splitUrl(request.url ?? '')
  const match = matchBridge(path)
  if (match === undefined) {
    return path.startsWith('/bridge/v1/') ? { kind: 'refuse', code: 'name-invalid' } : { kind: 'elsewhere' }
  }
  if (!isAdapterName(match.platform)) return { kind: 'refuse', code: 'name-invalid' }
  const header = bearer(request.headers.authorization)
  const proof = tokens.check(match.platform, header ?? query ?? '')
  if (proof === undefined) return { kind: 'refuse', code: 'auth-failed' }
  return { kind: 'admit', platform: match.platform, proof, fromQuery: header === undefined }
}

/** Answers an upgrade request with an HTTP error and ends the socket. */
export function refuseUpgrade(socket: Duplex, code: ErrorCode): void {
  const { status } = ERRORS[code]
  const title = STATUS_CODES[status] ?? ''
  const problem: Problem = { type: 'about:blank', title, status, code }
  const body = JSON.stringify(problem)
  socket.on('error', () => {})
  socket.end(
    [
      `HTTP/1.1 ${status} ${title}`,
      'Connection: close',
      'Content-Type: application/problem+json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...(status === 401 ? ['WWW-Authenticate: Bearer'] : []),
      '',
      body,
    ].join('\r\n'),
  )
}

function splitUrl(url: string): { readonly path: string; readonly query: string | undefined } {
  const mark = url.indexOf('?')
  if (mark < 0) return { path: url, query: undefined }
  return { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)).get('token') ?? undefined }
}

function bearer(header: string | undefined): string | undefined {
  return header === undefined ? undefined : (/^bearer +(\S+) *$/i.exec(header)?.[1] ?? '')
}
