import type { BotConfig, Platform, ReceiverConfig, SenderConfig } from '../../src/protocol.js'
import { startDiscordEmulator } from '../../src/testing/discord/emulator.js'
import { startIrcEmulator } from '../../src/testing/irc/emulator.js'
import { startSlackEmulator } from '../../src/testing/slack/emulator.js'
import { startWebexEmulator } from '../../src/testing/webex/emulator.js'
import type { Transport } from '../../src/transport/transport.js'
import { ircServerKinds } from '../irc/servers.js'
import { transportTo } from '../irc/support.js'

/** A platform with three accounts: one of a router, one that sends to it, and one of an agent that it routes to. */
export interface Place {
  readonly platform: Platform
  /** What the router's configuration needs. */
  readonly bot: Partial<BotConfig>
  /** Accounts of the router's that its configuration cannot describe. */
  readonly accounts?: readonly Transport[]
  /** Who may speak: router, sender and agent. */
  readonly domains: readonly string[]
  /** Where the agent is routed to. */
  readonly route: string
  readonly sender: () => Peer<SenderConfig>
  readonly receiver: () => Peer<ReceiverConfig>
  /** A card in the platform's own form; undefined where it has none. */
  readonly card: Readonly<Record<string, unknown>> | undefined
  close(): Promise<void>
}

/** What a peer on this platform is configured with, beside its slug. */
export interface Peer<Config> {
  readonly config: Pick<SenderConfig, 'token'> & Partial<Config>
  readonly transport?: Transport
}

export async function webexPlace(): Promise<Place> {
  const emulator = await startWebexEmulator()
  const [router, sender, agent] = [emulator.addBot('router'), emulator.addBot('sender'), emulator.addBot('agent')]
  const webexApiUrl = emulator.apiUrl
  const common = { webexApiUrl, target: router.email }
  return {
    platform: 'webex',
    bot: { webexTokens: [router.token], webexApiUrl },
    domains: ['webex.bot'],
    route: `webex:${agent.email}`,
    sender: () => ({ config: { ...common, token: sender.token } }),
    receiver: () => ({ config: { ...common, token: agent.token } }),
    card: { type: 'AdaptiveCard', version: '1.3', body: [{ type: 'TextBlock', text: 'done' }] },
    close: () => emulator.close(),
  }
}

export async function slackPlace(): Promise<Place> {
  const emulator = await startSlackEmulator()
  const [router, sender, agent] = [
    emulator.addApp({ name: 'router' }),
    emulator.addApp({ name: 'sender' }),
    emulator.addApp({ name: 'agent' }),
  ]
  const bus = emulator.addChannel('bus', [router.botUserId, sender.botUserId])
  const agents = emulator.addChannel('agents', [router.botUserId, agent.botUserId])
  const slackApiUrl = emulator.apiUrl
  return {
    platform: 'slack',
    bot: { slackTokens: [router.botToken], slackAppTokens: [router.appToken], slackApiUrl },
    domains: [`apps.${emulator.teamId}.slack`],
    route: `slack:${agents}`,
    sender: () => ({
      config: { slackApiUrl, target: bus, token: sender.botToken, slackAppToken: sender.appToken },
    }),
    receiver: () => ({
      config: { slackApiUrl, target: agents, token: agent.botToken, slackAppToken: agent.appToken },
    }),
    card: { type: 'section', text: { type: 'plain_text', text: 'done' } },
    close: () => emulator.close(),
  }
}

export async function discordPlace(): Promise<Place> {
  const bot = (username: string, id: string) => ({ token: `${username}-token`, id, applicationId: `8${id}`, username })
  const [router, sender, agent] = [bot('router', '50'), bot('sender', '51'), bot('agent', '52')]
  const emulator = await startDiscordEmulator({ bots: [router, sender, agent], rates: false })
  emulator.addChannel({ id: '1235', type: 0, name: 'agents', guildId: '9' })
  const discordApiUrl = emulator.apiUrl
  return {
    platform: 'discord',
    bot: { discordTokens: [router.token], discordApiUrl },
    domains: ['bot.discord'],
    route: 'discord:channel:1235',
    sender: () => ({ config: { discordApiUrl, target: '1234', token: sender.token } }),
    receiver: () => ({ config: { discordApiUrl, target: '1235', token: agent.token } }),
    card: { title: 'done' },
    close: () => emulator.close(),
  }
}

/** On the first real server that is installed, else on the emulator. */
export async function ircPlace(): Promise<Place> {
  const kind = (await ircServerKinds()).find(({ missing }) => missing === undefined)
  const server = kind === undefined ? await startIrcEmulator() : await kind.start()
  const make = (nick: string, channels: string, role: 'router' | 'peer') =>
    transportTo(server.port, nick, channels, { role })
  const token = `irc://nobody@127.0.0.1:${server.port}/#bus`
  return {
    platform: 'irc',
    bot: {},
    accounts: [make('router', '#bus,#agents', 'router')],
    domains: ['router', 'sender', 'agent'].flatMap(nick =>
      ['~wgrok', 'wgrok'].map(user => `${nick}!${user}@127.0.0.1`),
    ),
    route: 'irc:#agents',
    sender: () => ({ config: { token }, transport: make('sender', '#bus', 'peer') }),
    receiver: () => ({ config: { token, target: '#agents' }, transport: make('agent', '#agents', 'peer') }),
    card: undefined,
    close: () => ('stop' in server ? server.stop() : server.close()),
  }
}

/** @param port that the router's bridge will listen on */
export async function bridgePlace(port: number): Promise<Place> {
  return {
    platform: 'bridge',
    bot: { bridgeTokens: ['sender:tok-sender', 'agent:tok-agent'], bridgePort: port },
    domains: ['sender.bridge', 'agent.bridge'],
    route: 'bridge:agent',
    sender: () => ({ config: { token: `ws://sender:tok-sender@127.0.0.1:${port}` } }),
    receiver: () => ({ config: { token: `ws://agent:tok-agent@127.0.0.1:${port}` } }),
    card: { type: 'note', text: 'done' },
    close: async () => {},
  }
}
