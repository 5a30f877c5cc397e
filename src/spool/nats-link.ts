import type { JetStreamClient, JetStreamManager, StoredMsg } from '@nats-io/jetstream'
import type { KV } from '@nats-io/kv'
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node'
import { LIMITS } from '../../generated/limits.js'
import { WgrokError } from '../errors.js'
import type { Logger } from '../log.js'
import { ACK_WAIT } from './nats-lane.js'

/** Options of {@link openLink}. */
export interface LinkOptions {
  /** `nats://` or `tls://`, with user and password or a token in front of the host where the server wants them. */
  readonly url: string
  /** Largest size of what waits, in bytes. */
  readonly maxBytes: number
  readonly logger: Logger
  /** Prefix of streams, subjects and buckets: routers with the same one share their work. Default `wgrok`. */
  readonly name?: string
}

/** A connection to NATS with everything that the spool needs there. */
export interface NatsLink {
  readonly connection: NatsConnection
  readonly streams: JetStreamManager
  readonly client: JetStreamClient
  readonly held: KV
  /** Names of the streams. */
  readonly out: string
  readonly dead: string
  readonly relayed: string
  /** Where the routers tell each other what they have relayed. */
  readonly relayedSubject: string
  /** Name of the consumer that all routers share for a lane; it is made where it is missing. */
  consumer(lane: string): Promise<string>
  /** A prefix of subjects that nobody else has, for answers. */
  inbox(): string
  /** Headers of a message that the server takes once under this id. */
  headers(id: string): MsgHdrs
  outSubject(lane: string): string
  laneOf(subject: string): string
  deadSubject(id: string): string
}

/** How long a lane's consumer stays when nobody asks, in ms. */
const CONSUMER_TTL = 10 * 60_000
/** How often the connection is tried, in ms: two answers missing, it is a new one. */
const PING_INTERVAL = 4_000
/**
 * How long a router that starts can read what was relayed, in ms. Whether an id that comes again is the same message goes
 * by `LIMITS.dedupeTtl`.
 */
const RELAYED_TTL = 60 * 60_000
/** Bytes of it at most; the oldest goes first. */
const RELAYED_BYTES = 64 * 1024 * 1024

const nanos = (ms: number): number => ms * 1_000_000

/**
 * Connects, and makes streams and bucket where they are missing.
 *
 * @throws WgrokError `dependency-missing`; `config-invalid` for a URL of another form; `auth-failed` or
 * `platform-unavailable` when the server cannot be used.
 */
export async function openLink(options: LinkOptions): Promise<NatsLink> {
  const { connect, createInbox, headers, jetstream, jetstreamManager, kv } = await load()
  const { name = 'wgrok' } = options
  let connection: NatsConnection
  try {
    connection = await connect({
      ...serverOf(options.url),
      name: 'wgrok',
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      pingInterval: PING_INTERVAL,
      // Traces of where a request was made cost more than the request.
      noAsyncTraces: true,
    })
  } catch (error) {
    throw asWgrokError(error)
  }
  try {
    const streams = await jetstreamManager(connection)
    const [out, dead, relayed] = [`${name}-out`, `${name}-dead`, `${name}-relayed`]
    const relayedSubject = `${name}.relayed`
    await ensureStream(streams, {
      name: out,
      subjects: [`${name}.out.*`],
      retention: 'workqueue',
      storage: 'file',
      discard: 'new',
      max_bytes: options.maxBytes,
      duplicate_window: nanos(LIMITS.dedupeTtl),
    })
    await ensureStream(streams, {
      name: dead,
      subjects: [`${name}.dead.*`],
      retention: 'limits',
      storage: 'file',
      max_msgs_per_subject: 1,
      allow_direct: true,
    })
    await ensureStream(streams, {
      name: relayed,
      subjects: [relayedSubject],
      retention: 'limits',
      storage: 'file',
      max_age: nanos(RELAYED_TTL),
      max_bytes: RELAYED_BYTES,
    })
    const held = await new kv.Kvm(connection).create(`${name}-held`)
    const client = jetstream(connection)
    const outSubject = (lane: string): string => `${name}.out.${encode(lane)}`
    return {
      connection,
      streams,
      client,
      held,
      out,
      dead,
      relayed,
      relayedSubject,
      inbox: () => createInbox(),
      headers(id) {
        const made = headers()
        made.set('Nats-Msg-Id', id)
        return made
      },
      outSubject,
      laneOf: subject => decode(subject.slice(subject.lastIndexOf('.') + 1)),
      deadSubject: id => `${name}.dead.${encode(id)}`,
      async consumer(lane) {
        const durable = `lane-${await digest(lane)}`
        await streams.consumers.add(out, {
          durable_name: durable,
          filter_subject: outSubject(lane),
          ack_policy: 'explicit',
          max_ack_pending: 1,
          ack_wait: nanos(ACK_WAIT),
          inactive_threshold: nanos(CONSUMER_TTL),
        })
        return durable
      },
    }
  } catch (error) {
    await connection.close()
    throw asWgrokError(error)
  }
}

/** Every message of a stream that allows direct access, one after the other. */
export async function* storedMessages(manager: JetStreamManager, name: string): AsyncGenerator<StoredMsg> {
  for (let seq = 1; ; ) {
    const message = await manager.direct.getMessage(name, { seq, next_by_subj: '>' }).catch(() => null)
    if (message === null) return
    yield message
    seq = message.seq + 1
  }
}

/** Key of a lane or id in subjects and buckets, where dots and spaces mean something. */
export function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url')
}

/** Undoes {@link encode}. */
export function decode(text: string): string {
  return Buffer.from(text, 'base64url').toString('utf8')
}

type StreamSettings = Parameters<JetStreamManager['streams']['add']>[0]

/** Settings of a stream that is there already are left alone: an operator may have chosen replicas or limits. */
async function ensureStream(manager: JetStreamManager, settings: StreamSettings): Promise<void> {
  const exists = await manager.streams.info(settings.name).then(
    () => true,
    () => false,
  )
  if (exists) return
  await manager.streams.add(settings).catch(async error => {
    // Another router was faster.
    await manager.streams.info(settings.name).catch(() => {
      throw error
    })
  })
}

async function load() {
  try {
    const [{ connect, createInbox, headers }, { jetstream, jetstreamManager }, kv] = await Promise.all([
      import('@nats-io/transport-node'),
      import('@nats-io/jetstream'),
      import('@nats-io/kv'),
    ])
    return { connect, createInbox, headers, jetstream, jetstreamManager, kv }
  } catch (error) {
    const packages = '@nats-io/transport-node @nats-io/jetstream @nats-io/kv'
    throw new WgrokError('dependency-missing', `WGROK_NATS_URL needs more packages: npm install ${packages}`, {
      cause: error,
    })
  }
}

function serverOf(text: string): {
  readonly servers: string
  readonly user?: string
  readonly pass?: string
  readonly token?: string
} {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['nats:', 'tls:'].includes(url.protocol)) {
    throw new WgrokError('config-invalid', 'WGROK_NATS_URL must be a URL that begins with nats:// or tls://')
  }
  const [user, pass] = [decodeURIComponent(url.username), decodeURIComponent(url.password)]
  const servers = `${url.protocol}//${url.host}`
  if (user === '') return { servers }
  return pass === '' ? { servers, token: user } : { servers, user, pass }
}

async function digest(text: string): Promise<string> {
  const { createHash } = await import('node:crypto')
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

function asWgrokError(error: unknown): WgrokError {
  if (error instanceof WgrokError) return error
  const name = error instanceof Error ? error.name : ''
  const refused = /Authorization|Authentication|Permission/i.test(name)
  return new WgrokError(refused ? 'auth-failed' : 'platform-unavailable', 'NATS JetStream cannot be used', {
    cause: error,
  })
}
