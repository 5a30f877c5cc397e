import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDiscordEmulator } from '../../src/testing/discord/emulator.js'
import { startSlackEmulator } from '../../src/testing/slack/emulator.js'
import { type Audit, Ledger } from './ledger.js'
import { postAll, sendAll } from './producers.js'
import { freePort, Victim } from './victim.js'

/** Options of {@link runChaos}. */
export interface ChaosOptions {
  readonly messages: number
  readonly kills: number
  /** Gets lines about the progress. */
  readonly log: (line: string) => void
  /** Returns 0 <= x < 1. Default `Math.random`. */
  readonly random?: () => number
}

/** What a run showed. */
export interface ChaosFigures extends Audit {
  readonly kills: number
  readonly seconds: number
  /** Whether SIGTERM ended the last process with 0. */
  readonly clean: boolean
}

const SECRET = 'chaos-secret'
const TOKEN = 'chaos-token'
const POSTERS = 8
const DISCORD_CHANNEL = '1000'

/**
 * Kills a router process with SIGKILL at random moments while messages flow from the webhook and the bridge to two
 * platforms, and then counts what arrived.
 */
export async function runChaos(options: ChaosOptions): Promise<ChaosFigures> {
  const { kills, log, messages, random = Math.random } = options
  const begun = Date.now()
  const stateDir = mkdtempSync(join(tmpdir(), 'wgrok-chaos-'))
  const slack = await startSlackEmulator()
  const discord = await startDiscordEmulator({ rates: false, identifyTotal: 1_000_000, maxConcurrency: 16 })
  const app = slack.addApp({ name: 'wgrok' })
  const slackChannel = slack.addChannel('agents', [app.botUserId])
  discord.addChannel({ id: DISCORD_CHANNEL, type: 0, name: 'agents', guildId: '9' })
  const port = await freePort()
  const victim = new Victim({
    WGROK_DOMAINS: 'example.com,agents.bridge',
    WGROK_STATE_DIR: stateDir,
    WGROK_WEBHOOK_PORT: String(port),
    WGROK_WEBHOOK_SECRET: SECRET,
    WGROK_BRIDGE_TOKENS: `agents:${TOKEN}`,
    WGROK_SLACK_TOKENS: app.botToken,
    WGROK_SLACK_APP_TOKENS: app.appToken,
    WGROK_SLACK_API_URL: slack.apiUrl,
    WGROK_DISCORD_TOKENS: 'discord-token',
    WGROK_DISCORD_API_URL: discord.apiUrl,
    WGROK_ROUTES: `slack:slack:${slackChannel},discord:discord:channel:${DISCORD_CHANNEL}`,
  })
  const arrived = () => ({
    slack: slack.messages.filter(({ channel }) => channel === slackChannel).map(({ text }) => text),
    discord: discord.messages.map(({ content }) => content),
  })
  try {
    await victim.start()
    const ledger = new Ledger()
    let done = 0
    const shares = shareOut(messages, POSTERS + 1)
    const common = { port, ledger, tick: () => void done++ }
    const posting = shares.slice(1).map((count, n) => postAll({ ...common, stream: `w${n}`, count, secret: SECRET }))
    const sending = sendAll({ ...common, stream: 'b', count: shares[0] ?? 0, token: TOKEN })
    const producing = Promise.all([sending, ...posting])
    producing.catch(() => {})
    for (let kill = 1; kill <= kills; kill++) {
      // Spread over the whole run: the next one when its share of the messages has been accepted, give or take.
      const due = (messages * (kill - random())) / (kills + 1)
      while (done < due) await Promise.race([new Promise(resolve => setTimeout(resolve, 2)), producing.then(() => {})])
      await victim.kill()
      await victim.start()
      if (kill % 10 === 0 || kill === kills)
        log(
          `${kill} kills, ${done} of ${messages} accepted, ${slack.messages.length + discord.messages.length} arrived`,
        )
    }
    const [client] = await producing
    const count = (): number => slack.messages.length + discord.messages.length
    await settled(count, messages)
    await client.close()
    const audit = ledger.audit(arrived())
    const clean = (await victim.stop()) === 0
    return { ...audit, kills, clean, seconds: Math.round((Date.now() - begun) / 1000) }
  } finally {
    await victim.kill().catch(() => {})
    await Promise.all([slack.close(), discord.close()])
    rmSync(stateDir, { recursive: true, force: true })
  }
}

/** Problems that the figures show; none when all is as promised. */
export function verdict(figures: ChaosFigures): readonly string[] {
  const { clean, duplicates, kills, lost, outOfOrder } = figures
  return [
    ...(lost > 0 ? [`${lost} accepted messages were lost`] : []),
    ...(outOfOrder > 0 ? [`${outOfOrder} messages came out of order`] : []),
    ...(duplicates.discord > 0 ? [`${duplicates.discord} duplicates on a platform that knows idempotency`] : []),
    ...(duplicates.slack > kills ? [`${duplicates.slack} duplicates, more than one per kill`] : []),
    ...(clean ? [] : ['SIGTERM did not end the router with 0']),
  ]
}

function shareOut(total: number, parts: number): number[] {
  return Array.from({ length: parts }, (_, n) => Math.floor(total / parts) + (n < total % parts ? 1 : 0))
}

/** Waits until at least `wanted` have arrived, or nothing has for a while. */
async function settled(count: () => number, wanted: number): Promise<void> {
  let last = -1
  for (let quiet = 0; quiet < 100; ) {
    await new Promise(resolve => setTimeout(resolve, 100))
    const now = count()
    quiet = now === last ? quiet + 1 : 0
    last = now
    if (now >= wanted && quiet >= 10) return
  }
}
