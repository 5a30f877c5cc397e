import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { NatsServer, natsBinary } from '../spool/nats-server.js'

const SCRIPT = fileURLToPath(new URL('./open-and-close.ts', import.meta.url))

async function openAndClose(more: object): Promise<{ reply: string; left: number; listeners: number[] }> {
  const stateDir = mkdtempSync(join(tmpdir(), 'wgrok-left-'))
  const config = {
    domains: ['agents.bridge'],
    bridgeTokens: ['agents:tok'],
    webhookPort: 0,
    webhookSecret: 's',
    apps: { jira: 'http://127.0.0.1:9/' },
    stateDir,
    ...more,
  }
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', SCRIPT, JSON.stringify(config)],
      { timeout: 30_000 },
    )
    return JSON.parse(stdout)
  } finally {
    rmSync(stateDir, { recursive: true, force: true })
  }
}

describe('after everything was closed', () => {
  it('the process ends by itself: no timer, listener or descriptor is left', async () => {
    const { left, listeners, reply } = await openAndClose({})
    expect(reply).toBe('done')
    expect(left).toBeLessThanOrEqual(1)
    expect(listeners.slice(0, 3)).toEqual([0, 0, 0])
  }, 60_000)

  it('with NATS too', async ctx => {
    const binary = natsBinary()
    if (binary === undefined) return ctx.skip('there is no nats-server here')
    const server = new NatsServer(binary)
    await server.start()
    try {
      expect((await openAndClose({ natsUrl: server.url })).reply).toBe('done')
    } finally {
      await server.close()
    }
  }, 180_000)
})
