import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Diagnosis } from '../../src/cli/doctor.js'
import { EXIT, type ExitCode } from '../../src/cli/exit.js'
import { main } from '../../src/cli/main.js'
import { silent } from '../../src/log.js'
import { WgrokRouter } from '../../src/router/index.js'
import { DISCORD_BOT, startDiscordEmulator } from '../../src/testing/discord/emulator.js'
import { startSlackEmulator } from '../../src/testing/slack/emulator.js'
import { startWebexEmulator } from '../../src/testing/webex/emulator.js'
import { freePort } from '../support/debian-server.js'

const open: { close(): Promise<unknown> }[] = []

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

function add<T extends { close(): Promise<unknown> }>(one: T): T {
  open.push(one)
  return one
}

interface Answer {
  readonly code: ExitCode
  readonly found: readonly Diagnosis[]
  readonly output: string
}

async function doctor(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Answer> {
  let output = ''
  const code = await main(['doctor', '--json', ...args], {
    stdin: (async function* () {})(),
    stdinIsTerminal: false,
    stdoutIsTerminal: false,
    stdout: async text => {
      output += text
    },
    stderr: text => {
      output += text
    },
    env,
    cwd: process.cwd(),
    interrupted: new AbortController().signal,
  })
  const lines = output.split('\n').filter(line => line.startsWith('{'))
  return { code, found: lines.map(line => JSON.parse(line)), output }
}

const wrong = ({ found }: Answer): readonly string[] =>
  found.filter(({ ok }) => !ok).map(({ subject, what }) => `${subject}: ${what}`)

describe('wgrok doctor', () => {
  it('finds a whole router in order', async () => {
    const slack = add(await startSlackEmulator())
    const discord = add(await startDiscordEmulator({ rates: false }))
    const webex = add(await startWebexEmulator())
    const app = slack.addApp({ name: 'router' })
    const room = slack.addChannel('bus', [app.botUserId])
    const bot = webex.addBot('router')
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const router = add(
      new WgrokRouter(
        { domains: ['a.bridge'], bridgeTokens: ['dingtalk:a-token'], bridgePort: port },
        { logger: silent },
      ),
    )
    await router.start()
    const answer = await doctor({
      WGROK_DOMAINS: 'example.com',
      WGROK_SLACK_TOKENS: app.botToken,
      WGROK_SLACK_APP_TOKENS: app.appToken,
      WGROK_SLACK_API_URL: slack.apiUrl,
      WGROK_DISCORD_TOKENS: DISCORD_BOT.token,
      WGROK_DISCORD_API_URL: discord.apiUrl,
      WGROK_WEBEX_TOKENS: bot.token,
      WGROK_WEBEX_API_URL: webex.apiUrl,
      WGROK_BRIDGE_TOKENS: 'dingtalk:a-token',
      WGROK_BRIDGE_PORT: String(port),
      WGROK_PUBLIC_URL: `${url}/`,
      WGROK_ROUTES: `one:slack:${room},two:discord:channel:1234,three:webex:a@example.com,four:bridge:dingtalk`,
    })
    expect(wrong(answer)).toEqual([])
    expect(answer.code).toBe(EXIT.ok)
    expect(new Set(answer.found.map(({ subject }) => subject))).toEqual(
      new Set(['configuration', 'webex-1', 'slack-1', 'discord-1', 'http']),
    )
    expect(answer.output).toContain('a router answers on')
    for (const secret of [app.botToken, app.appToken, DISCORD_BOT.token, bot.token, 'a-token']) {
      expect(answer.output).not.toContain(secret)
    }
  })

  it('says what is wrong with each part and exits 1', async () => {
    const slack = add(await startSlackEmulator())
    const app = slack.addApp({ name: 'router' })
    const other = slack.addApp({ name: 'agent' })
    const stranger = createServer((_request, response) => response.end('hello'))
    await new Promise<void>(resolve => stranger.listen(0, '127.0.0.1', resolve))
    add({ close: () => new Promise(resolve => stranger.close(resolve)) })
    const { port } = stranger.address() as AddressInfo
    const answer = await doctor({
      WGROK_DOMAINS: 'example.com',
      WGROK_SLACK_TOKENS: `${app.botToken},xoxb-not-a-token-at-all`,
      WGROK_SLACK_API_URL: slack.apiUrl,
      WGROK_BRIDGE_TOKENS: 'dingtalk:a-token',
      WGROK_BRIDGE_PORT: String(port),
      WGROK_PUBLIC_URL: 'http://127.0.0.1:9',
      WGROK_ROUTES: `one:slack:user:${other.botUserId},two:discord:channel:1234,three:bridge:telegram,four:?`,
    })
    expect(answer.code).toBe(EXIT.no)
    expect(wrong(answer)).toEqual([
      'routes: two: the router has no account on discord',
      'routes: three: no adapter can connect as telegram',
      expect.stringMatching(/^routes: four: \[target-invalid\]/),
      expect.stringMatching(/^slack-1: WGROK_SLACK_APP_TOKENS is not set/),
      expect.stringMatching(/^slack-1: .* is a bot$/),
      expect.stringMatching(/^slack-2: Slack does not take the bot token: \[auth-failed\]/),
      expect.stringMatching(/^http: something that is no router has/),
      'http: no router answers under WGROK_PUBLIC_URL',
    ])
    for (const { ok, fix } of answer.found) if (!ok) expect(fix).toMatch(/\.$/)
    expect(answer.output).not.toContain('xoxb-not')
  })

  it('asks for no app-level token where events come by webhook, nor of a sender', async () => {
    const slack = add(await startSlackEmulator())
    const app = slack.addApp({ name: 'router' })
    const room = slack.addChannel('bus', [app.botUserId])
    const common = { WGROK_SLACK_API_URL: slack.apiUrl }
    const router = await doctor({
      ...common,
      WGROK_DOMAINS: 'example.com',
      WGROK_SLACK_TOKENS: app.botToken,
      WGROK_SLACK_SIGNING_SECRET: app.signingSecret,
      WGROK_BRIDGE_PORT: '0',
    })
    expect(wrong(router)).toEqual([])
    const peer = { ...common, WGROK_PLATFORM: 'slack', WGROK_TOKEN: app.botToken, WGROK_SLUG: 'a', WGROK_TARGET: room }
    expect(wrong(await doctor(peer))).toEqual([])
    const receiver = await doctor({ ...peer, WGROK_DOMAINS: 'example.com' })
    expect(wrong(receiver)).toEqual([expect.stringMatching(/^slack: WGROK_SLACK_APP_TOKEN is not set/)])
  })

  it('registers with a bridge, and tells a wrong token from a router that is not there', async () => {
    const config = { domains: ['a.bridge'], bridgeTokens: ['agents:right-token'], bridgePort: 0 }
    const router = add(new WgrokRouter(config, { logger: silent }))
    await router.start()
    const host = new URL(router.bridgeUrl ?? '').host
    const peer = (token: string, where = host) =>
      doctor({ WGROK_PLATFORM: 'bridge', WGROK_TOKEN: `ws://agents:${token}@${where}`, WGROK_SLUG: 'a' })
    expect(await peer('right-token')).toMatchObject({ code: EXIT.ok })
    const refused = await peer('wrong-token')
    expect(wrong(refused)).toEqual([expect.stringMatching(/\[auth-failed\]/)])
    expect(refused.output).not.toContain('wrong-token')
    const away = await peer('right-token', `127.0.0.1:${await freePort()}`)
    expect(wrong(away)).toEqual([expect.stringMatching(/\[platform-unavailable\]/)])
    expect(away.found.at(-1)?.fix).toContain('Start the router')
  })

  it('says what is missing in the configuration, and that there is none', async () => {
    expect(wrong(await doctor({ WGROK_TOKEN: 't' }))).toEqual([expect.stringMatching(/\[config-missing\] WGROK_SLUG/)])
    const router = await doctor({ WGROK_BRIDGE_TOKENS: 'a:b' })
    expect(wrong(router)).toEqual([expect.stringMatching(/\[config-missing\] WGROK_DOMAINS/)])
    expect(await doctor({})).toMatchObject({ code: EXIT.no })
  })
})
