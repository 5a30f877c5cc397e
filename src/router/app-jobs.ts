import { formatFlags, formatResponse } from '../../generated/frames.js'
import { FRAGILE, LIMITS } from '../../generated/limits.js'
import type { Clock } from '../clock.js'
import { splitPayload, writeFrames } from '../codec/chunk.js'
import { decode } from '../codec/decode.js'
import { encode } from '../codec/encode.js'
import { Reassembler } from '../codec/reassembler.js'
import { WgrokError } from '../errors.js'
import { readFlags } from '../frame/flags.js'
import type { Logger } from '../log.js'
import type { FlagSet, FrameLimit, Platform } from '../protocol.js'
import type { AppJob, SpoolEntry } from '../spool/spool.js'
import type { AppCaller } from './apps.js'

/** Options of {@link AppJobs}. */
export interface AppJobsOptions {
  readonly caller: AppCaller
  readonly clock: Clock
  readonly logger: Logger
  /** Largest frame of the platform that an answer goes to. */
  readonly limitOf: (platform: Platform) => FrameLimit
  /** Takes one frame of an answer; `part` numbers them, so that each has an id of its own. */
  readonly answer: (job: SpoolEntry, text: string, part: number) => unknown
}

/**
 * Turns a spooled call into the answer of its application.
 *
 * A compressed call is decompressed for the application and its answer compressed again. What is encrypted goes through
 * as it is: the router has no key, so such an application has to hold one. An application that fails is answered for,
 * with a line that begins with `error:`.
 */
export class AppJobs {
  readonly #options: AppJobsOptions
  readonly #reassembler: Reassembler

  constructor(options: AppJobsOptions) {
    const { clock, logger } = options
    this.#options = options
    this.#reassembler = new Reassembler({ clock, onDrop: drop => logger.warn('chunks dropped', { ...drop }) })
  }

  /** @throws WgrokError `aborted` or `closed` while the router stops; the call is made again after a restart then. */
  async run(entry: SpoolEntry, job: AppJob, signal: AbortSignal): Promise<void> {
    const { answer, logger } = this.#options
    let frames: readonly string[]
    try {
      const payload = await this.#payloadOf(entry, job)
      if (payload === undefined) return
      frames = await this.#encode(entry, job, await this.#call(entry, job, payload, signal))
    } catch (caught) {
      const error = WgrokError.from(caught)
      if (signal.aborted) throw error
      logger.warn('application call failed', { app: job.app, code: error.code, messageId: entry.id })
      frames = [formatResponse({ to: job.answerTo, from: job.app, flags: '-', payload: `error: ${plain(error)}` })]
    }
    for (const [index, text] of frames.entries()) await answer(entry, text, index + 1)
  }

  /** Forgets incomplete calls. */
  close(): void {
    this.#reassembler.close()
  }

  #call(entry: SpoolEntry, job: AppJob, payload: string, signal: AbortSignal): Promise<string> {
    const { app, flags, from, sender } = job
    const about = { from, sender, flags: formatFlags(withoutChunk(readFlags(flags))), message: entry.id }
    return this.#options.caller.call({ app, payload, about, idempotencyKey: entry.id, signal })
  }

  /** What the application gets; undefined while chunks are missing. */
  async #payloadOf(entry: SpoolEntry, job: AppJob): Promise<string | undefined> {
    const flags = readFlags(job.flags)
    const whole = flags.chunk === undefined ? entry.text : this.#join(entry, job, flags, flags.chunk)
    if (whole === undefined || flags.encrypted) return whole
    return decode(whole, withoutChunk(flags))
  }

  #join(entry: SpoolEntry, job: AppJob, flags: FlagSet, chunk: NonNullable<FlagSet['chunk']>): string | undefined {
    const { compressed, encrypted } = flags
    const platform = entry.to?.platform ?? 'bridge'
    const where = { platform, conversation: entry.lane, sender: job.sender }
    return this.#reassembler.accept({ ...where, to: job.app, from: job.from, compressed, encrypted }, chunk, entry.text)
  }

  async #encode(entry: SpoolEntry, job: AppJob, payload: string): Promise<readonly string[]> {
    const flags = withoutChunk(readFlags(job.flags))
    const platform = entry.to?.platform ?? 'bridge'
    const limit = this.#options.limitOf(platform)
    const [to, from] = [job.answerTo, job.app]
    if (flags.encrypted) {
      const shape = {
        limit,
        maxChunks: LIMITS.chunksMax,
        format: (chunk: FlagSet['chunk'], part: string) =>
          formatResponse({
            to,
            from,
            flags: formatFlags(chunk === undefined ? flags : { ...flags, chunk }),
            payload: part,
          }),
      }
      return writeFrames(await splitPayload(payload, shape), shape)
    }
    const compress = flags.compressed ? 'always' : 'never'
    return (await encode(payload, { to, from, limit, envelope: 'response', compress, fragile: FRAGILE[platform] }))
      .frames
  }
}

function withoutChunk(flags: FlagSet): FlagSet {
  return { compressed: flags.compressed, encrypted: flags.encrypted }
}

/** `[code] detail` as `code: detail`. */
function plain(error: WgrokError): string {
  return error.message.replace(/^\[([^\]]*)\] /, '$1: ')
}
