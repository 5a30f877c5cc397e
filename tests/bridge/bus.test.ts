import { describe, expect, it } from 'vitest'
import { WgrokRouter } from '../../src/router/router.js'
import { join, later, type Plain, until } from './support.js'

const card = { type: 'AdaptiveCard', body: [{ type: 'TextBlock', text: 'Deploy' }] }

async function router(): Promise<{
  one: WgrokRouter
  url: string
  as: (platform: string, capabilities?: string[]) => Promise<Plain>
}> {
  const one = later(
    new WgrokRouter({
      domains: ['agents.bridge'],
      bridgeTokens: ['agents:tokA', 'ops:tokB'],
      bridgePort: 0,
      routes: { deploy: 'bridge:ops' },
    }),
  )
  await one.start()
  const url = one.bridgeUrl ?? ''
  const tokens: Record<string, string> = { agents: 'tokA', ops: 'tokB' }
  return { one, url, as: (platform, capabilities) => join(url, platform, tokens[platform], capabilities) }
}

const rest = (plain: Plain): Record<string, unknown>[] => plain.got.slice(1)

describe('a router with plain adapters', () => {
  it('answers a frame for nobody to all connections of the platform that it came from (Mode B)', async () => {
    const { as } = await router()
    const [one, two, ops] = await Promise.all([as('agents'), as('agents'), as('ops')])
    one.send({ type: 'message', session_key: 's', content: './echo:hi:me:-:hello' })
    await until(() => rest(one).length === 1 && rest(two).length === 1)
    const answer = { type: 'message', session_key: 's', content: 'hi:me:-:hello', to: 'hi', from: 'me' }
    expect(rest(one)).toEqual([answer])
    expect(rest(two)).toEqual([answer])
    expect(rest(ops)).toEqual([])
  })

  it('relays a frame for a registered slug to its platform only (Mode C), with the relay fields', async () => {
    const { as } = await router()
    const [one, ops] = await Promise.all([as('agents'), as('ops')])
    one.send({ type: 'message', content: './echo:deploy:ci~n0nce:-:go' })
    await until(() => rest(ops).length === 1)
    expect(rest(ops)).toEqual([
      { type: 'message', content: 'deploy:ci~n0nce:-:go', to: 'deploy', from: 'ci~n0nce', task_id: 'n0nce' },
    ])
    expect(rest(one)).toEqual([])
  })

  it('closes while adapters are connected, and says so to them', async () => {
    const { as, one } = await router()
    const agents = await as('agents')
    await one.close()
    expect((await agents.closed).code).toBe(1001)
  })

  it('passes a card to who declared cards, and leaves the frame alone for who did not', async () => {
    const { as } = await router()
    const [rich, poor] = await Promise.all([as('agents', ['text', 'card']), as('agents', ['text'])])
    rich.send({ type: 'message', content: './echo:hi:me:-:hello', data: { cards: [card] } })
    await until(() => rest(rich).length === 1 && rest(poor).length === 1)
    const answer = { type: 'message', content: 'hi:me:-:hello', to: 'hi', from: 'me' }
    expect(rest(rich)).toEqual([{ ...answer, data: { cards: [card] } }])
    expect(rest(poor)).toEqual([answer])
  })

  it('hears nobody who is not on the allowlist', async () => {
    const { as } = await router()
    const [one, ops] = await Promise.all([as('agents'), as('ops')])
    const metadata = { user_id: 'root@agents.bridge', platform: 'agents' }
    ops.send({ type: 'message', content: './echo:hi:me:-:hello', platform: 'agents', metadata })
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(rest(ops)).toEqual([])
    expect(rest(one)).toEqual([])
  })
})
