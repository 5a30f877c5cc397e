import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDiscordEmulator } from '../../src/testing/discord/emulator.js'
import { startSlackEmulator } from '../../src/testing/slack/emulator.js'
import type { NatsServer } from '../spool/nats-server.js'
import { type Audit, Ledger } from './ledger.js'
import { postAll, sendAll } from './producers.js'
import { freePort, Victim } from './victim.js'

/** Options of {@link runChaos}. */
export interface ChaosOptions {
  readonly messages: number
  /** Processes killed, one at a time, in turn. */
  readonly kills: number
  /** Gets lines about the progress. */
  readonly log: (line: string) => void
  /** Returns 0 <= x < 1. Default `Math.random`. */
  readonly random?: () => number
  /** Several routers that share this server, which is stopped for `outageMs` in the middle. Default: one router alone. */
  readonly shared?: { readonly routers: number; readonly server: NatsServer; readonly outageMs: number }
}

/** What a run showed. */
export interface ChaosFigures extends Audit {
  readonly routers: number
  readonly kills: number
  readonly seconds: number
  /** Messages per second, over the time until the last one was accepted, or came out. */
  readonly perSecond: { readonly accepted: number; readonly delivered: number }
  /** Whether SIGTERM ended the last processes with 0. */
  readonly clean: boolean
}

const SECRET = 'chaos-secret'
const TOKEN = 'chaos-token'
const POSTERS = 8
const DISCORD_CHANNEL = '1000'

/**
 * Kills router processes with SIGKILL at random moments while messages flow from the webhook and the bridge to two
 * platforms, and then counts what arrived.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosFigures> {
  const { kills, log, messages, random = Math.random, shared } = options
  const begun = Date.now()
  const dir = mkdtempSync(join(tmpdir(), 'wgrok-chaos-'))
  const slack = await startSlackEmulator()
  const discord = await startDiscordEmulator({ rates: false, identifyTotal: 1_000_000, maxConcurrency: 16 })
  const app = slack.addApp({ name: 'wgrok' })
  const slackChannel = slack.addChannel('agents', [app.botUserId])
  discord.addChannel({ id: DISCORD_CHANNEL, type: 0, name: 'agents', guildId: '9' })
  const env = {
    WGROK_DOMAINS: 'example.com,agents.bridge',
    WGROK_WEBHOOK_SECRET: SECRET,
    WGROK_BRIDGE_TOKENS: `agents:${TOKEN}`,
    WGROK_SLACK_TOKENS: app.botToken,
    WGROK_SLACK_APP_TOKENS: app.appToken,
    WGROK_SLACK_API_URL: slack.apiUrl,
    WGROK_DISCORD_TOKENS: 'discord-token',
    WGROK_DISCORD_API_URL: discord.apiUrl,
    WGROK_ROUTES: `slack:slack:${slackChannel},discord:discord:channel:${DISCORD_CHANNEL}`,
    ...(shared === undefined ? {} : { WGROK_NATS_URL: shared.server.url }),
  }
  const arrived = () => ({
    slack: slack.messages.filter(({ channel }) => channel === slackChannel).map(({ text }) => text),
    discord: discord.messages.map(({ content }) => content),
  })
  const count = (): number => slack.messages.length + discord.messages.length
  const victims: Victim[] = []
  try {
    const ports: number[] = []
    for (let n = 0; n < (shared?.routers ?? 1); n++) {
      const port = await freePort()
      const stateDir = join(dir, String(n))
      mkdirSync(stateDir)
      ports.push(port)
      victims.push(new Victim({ ...env, WGROK_STATE_DIR: stateDir, WGROK_WEBHOOK_PORT: String(port) }))
    }
    await Promise.all(victims.map(victim => victim.start()))
    const ledger = new Ledger()
    const started = Date.now()
    let done = 0
    const common = { ledger, tick: () => void done++ }
    const shares = shareOut(messages, POSTERS + 1)
    const portOf = (n: number): number => ports[n % ports.length] ?? 0
    const sending = sendAll({ ...common, stream: 'b', count: shares[0] ?? 0, port: portOf(0), token: TOKEN })
    const posting = shares
      .slice(1)
      .map((share, n) => postAll({ ...common, stream: `w${n}`, count: share, port: portOf(n), secret: SECRET }))
    const producing = Promise.all([sending, ...posting])
    producing.catch(() => {})
    const until = async (due: number): Promise<void> => {
      while (done < due) await Promise.race([pause(2), producing.then(() => {})])
    }
    for (let kill = 1; kill <= kills; kill++) {
      // Spread over the whole run: the next one when its share of the messages has been accepted, give or take.
      await until((messages * (kill - random())) / (kills + 1))
      const victim = victims[kill % victims.length]
      await victim?.kill()
      await victim?.start()
      if (shared !== undefined && kill === Math.ceil(kills / 2)) {
        log(`NATS is stopped for ${shared.outageMs} ms, ${done} of ${messages} accepted`)
        await shared.server.stop()
        await pause(shared.outageMs)
        await shared.server.start()
      }
      if (kill % 10 === 0 || kill === kills)
        log(
          `${Math.round((Date.now() - started) / 1000)} s: ${kill} kills, ${done} of ${messages} accepted, ${count()} arrived`,
        )
    }
    const [client] = await producing
    const accepted = Date.now() - started
    const delivered = (await settled(count, messages)) - started
    await client.close()
    const audit = ledger.audit(arrived())
    const codes = await Promise.all(victims.map(victim => victim.stop()))
    const clean = codes.every(code => code === 0)
    const rate = (ms: number): number => Math.round((messages * 1000) / ms)
    return {
      ...audit,
      routers: victims.length,
      kills,
      clean,
      seconds: Math.round((Date.now() - begun) / 1000),
      perSecond: { accepted: rate(accepted), delivered: rate(delivered) },
    }
  } finally {
    await Promise.all(victims.map(victim => victim.kill()))
    await Promise.all([slack.close(), discord.close()])
    rmSync(dir, { recursive: true, force: true })
  }
}

/** Problems that the figures show; none when all is as promised. */
export function verdict(figures: ChaosFigures): readonly string[] {
  const { clean, duplicates, lost, outOfOrder } = figures
  return [
    ...(lost > 0 ? [`${lost} accepted messages were lost`] : []),
    ...(outOfOrder > 0 ? [`${outOfOrder} messages came out of order`] : []),
    ...(duplicates.discord > 0 ? [`${duplicates.discord} duplicates on Discord, which knows a repeated nonce`] : []),
    ...(duplicates.slack > 0 ? [`${duplicates.slack} duplicates on Slack, where messages are looked for first`] : []),
    ...(clean ? [] : ['SIGTERM did not end every router with 0']),
  ]
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

function shareOut(total: number, parts: number): number[] {
  return Array.from({ length: parts }, (_, n) => Math.floor(total / parts) + (n < total % parts ? 1 : 0))
}

/**
 * Waits until at least `wanted` have arrived and nothing comes after them, or nothing has come for longer than a dead
 * router holds a message. Returns when the last one came, in ms since 1970.
 */
async function settled(count: () => number, wanted: number): Promise<number> {
  let last = -1
  let lastAt = Date.now()
  for (;;) {
    const now = count()
    if (now !== last) lastAt = Date.now()
    last = now
    if (Date.now() - lastAt > (now >= wanted ? 3_000 : 30_000)) return lastAt
    await pause(100)
  }
}
