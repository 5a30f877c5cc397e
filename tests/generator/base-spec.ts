/** A small spec without any problem: every rule's test breaks one thing in it. */
export const BASE_SPEC = `asyncapi: 3.0.0
info: { title: demo, version: 1.2.3 }
x-wgrok-perspective: router
x-wgrok-exports: [Flags, Envelope]
x-wgrok-platforms:
  alpha: { doc: First., frame: { size: 100, unit: utf8-bytes }, fragile: '^x' }
  beta: { doc: Second., frame: { size: 50, unit: code-points, costs: { '&': 5 } } }
x-wgrok-limits:
  bodyMax: { value: 1024, unit: bytes, doc: Largest body., wire: receive }
x-wgrok-errors:
  not-found: { status: 404, retryable: false, meaning: Nothing there. }
channels:
  bus:
    address: null
    messages:
      Echo: { $ref: '#/components/messages/Echo' }
      Pause: { $ref: '#/components/messages/Pause' }
  link:
    address: /link/{platform}
    parameters:
      platform: { description: Name. }
    messages:
      Hello: { $ref: '#/components/messages/Hello' }
      Bye: { $ref: '#/components/messages/Bye' }
operations:
  peerEcho: { action: receive, channel: { $ref: '#/channels/bus' }, messages: [{ $ref: '#/channels/bus/messages/Echo' }] }
  peerPause: { action: receive, channel: { $ref: '#/channels/bus' }, messages: [{ $ref: '#/channels/bus/messages/Pause' }] }
  peerHello: { action: receive, channel: { $ref: '#/channels/link' }, messages: [{ $ref: '#/channels/link/messages/Hello' }] }
  routerBye: { action: send, channel: { $ref: '#/channels/link' }, messages: [{ $ref: '#/channels/link/messages/Bye' }] }
components:
  messages:
    Echo:
      contentType: text/plain
      payload: { type: string, pattern: '^\\./echo:' }
      x-wgrok-frame: { name: echo, template: './echo:{to}:{payload}', fields: { $ref: '#/components/schemas/Frame' } }
      examples:
        - { name: one, payload: './echo:a:b' }
        - { name: two, payload: './echo:a:' }
    Pause:
      contentType: text/plain
      payload: { type: string, const: ./pause }
      x-wgrok-frame: { name: pause, template: ./pause, trim: true }
      examples:
        - { name: one, payload: ./pause }
    Hello:
      contentType: application/json
      payload: { $ref: '#/components/schemas/Hello' }
      correlationId: { location: '$message.payload#/key' }
      examples:
        - { name: small, payload: { type: hello } }
        - { name: full, payload: { type: hello, key: k, size: 3, tags: [a], next: { type: hello } } }
    Bye:
      contentType: application/json
      payload: { $ref: '#/components/schemas/Bye' }
      examples:
        - { name: small, payload: { type: bye } }
        - { name: full, payload: { type: bye, reason: done } }
  schemas:
    Platform: { type: string, enum: [alpha, beta] }
    Frame:
      type: object
      required: [to, payload]
      properties:
        to: { type: string, minLength: 1 }
        payload: { type: string }
    Flags:
      type: string
      x-wgrok-flags: { none: '-', letters: { z: packed }, chunk: true, fields: { $ref: '#/components/schemas/FlagSet' } }
    FlagSet:
      type: object
      required: [packed]
      properties:
        packed: { type: boolean }
        chunk: { $ref: '#/components/schemas/Chunk' }
    Chunk:
      type: object
      required: [index, total]
      properties: { index: { type: integer }, total: { type: integer } }
    Hello:
      type: object
      required: [type]
      properties:
        type: { type: string, const: hello }
        key: { type: string, maxLength: 8 }
        size: { type: integer, minimum: 1, maximum: 9 }
        tags: { type: array, maxItems: 3, items: { type: string } }
        next: { $ref: '#/components/schemas/Hello' }
    Bye:
      type: object
      required: [type]
      properties:
        type: { type: string, const: bye }
        reason: { type: string, enum: [done, lost], examples: [done] }
    Envelope:
      discriminator: type
      oneOf:
        - $ref: '#/components/schemas/Hello'
        - $ref: '#/components/schemas/Bye'
    SenderConfig:
      type: object
      x-wgrok-config: sender
      required: [token]
      properties:
        token: { type: string, x-wgrok-env: { name: WGROK_TOKEN, format: string }, x-wgrok-secret: true }
        platform: { $ref: '#/components/schemas/Platform', default: alpha, x-wgrok-env: { name: WGROK_PLATFORM, format: string } }
        port: { type: integer, default: 80, x-wgrok-env: { name: WGROK_PORT, format: integer } }
        domains: { type: array, items: { type: string }, default: [], x-wgrok-env: { name: WGROK_DOMAINS, format: csv } }
        routes: { type: object, additionalProperties: { type: string }, x-wgrok-env: { name: WGROK_ROUTES, format: pairs } }
`

/** The base spec with `find`, which must stand there exactly once, replaced. */
export function patched(find: string, replace: string, text: string = BASE_SPEC): string {
  const parts = text.split(find)
  if (parts.length !== 2) throw new Error(`${parts.length - 1} places for ${JSON.stringify(find)}`)
  return parts.join(replace)
}
