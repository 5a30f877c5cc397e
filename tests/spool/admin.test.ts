import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silent } from '../../src/log.js'
import { WgrokRouter } from '../../src/router/index.js'
import { type AdminCommand, askHolder, runAdmin } from '../../src/spool/admin.js'
import { LmdbSpool } from '../../src/spool/lmdb.js'
import { FakeTransport } from '../bus/fakes.js'
import { drain, entry } from './suite.js'

let dir: string
const closing: { close(): unknown }[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wgrok-admin-'))
})
afterEach(async () => {
  for (const thing of closing.splice(0)) await thing.close()
  rmSync(dir, { recursive: true, force: true })
})

async function collect(items: AsyncIterable<unknown> | undefined): Promise<unknown[]> {
  const all: unknown[] = []
  for await (const item of items ?? []) all.push(item)
  return all
}

async function spoolWithDead(...ids: string[]): Promise<LmdbSpool> {
  const spool = await LmdbSpool.open({ dir })
  closing.push(spool)
  spool.start(() => {})
  for (const id of ids) {
    await spool.append(entry('a', `content of ${id}`, { id }))
    await spool.take('a')?.bury({ code: 'platform-rejected', detail: 'no' })
  }
  return spool
}

describe('administration', () => {
  it('lists without content and shows with it', async () => {
    const spool = await spoolWithDead('1', '2', '3')
    expect(await collect(runAdmin(spool, { cmd: 'list', limit: 2 }))).toMatchObject([
      { id: '1', lane: 'a', code: 'platform-rejected', length: 12 },
      { id: '2' },
    ])
    expect(JSON.stringify(await collect(runAdmin(spool, { cmd: 'list' })))).not.toContain('content')
    expect(await collect(runAdmin(spool, { cmd: 'export', id: '2' }))).toMatchObject([
      { entry: { text: 'content of 2' } },
    ])
    expect(await collect(runAdmin(spool, { cmd: 'export' }))).toHaveLength(3)
  })

  it('replays and drops, one or all', async () => {
    const spool = await spoolWithDead('1', '2', '3', '4')
    expect(await collect(runAdmin(spool, { cmd: 'drop', id: '2' }))).toEqual([{ count: 1 }])
    expect(await collect(runAdmin(spool, { cmd: 'replay', id: '3' }))).toEqual([{ count: 1 }])
    expect(await collect(runAdmin(spool, { cmd: 'replay' }))).toEqual([{ count: 2 }])
    expect(await drain(spool, 'a')).toEqual(['content of 3', 'content of 1', 'content of 4'])
    await expect(collect(runAdmin(spool, { cmd: 'drop', id: '9' }))).rejects.toMatchObject({ code: 'target-not-found' })
    expect(await collect(runAdmin(spool, { cmd: 'drop' }))).toEqual([{ count: 0 }])
  })
})

describe('a running router', () => {
  it('answers for its state directory', async () => {
    await (await spoolWithDead('1')).close()
    const transport = new FakeTransport()
    const router = new WgrokRouter(
      { domains: ['example.com'], stateDir: dir },
      { logger: silent, transports: [transport] },
    )
    closing.push(router)
    await router.start()
    const ask = async (command: AdminCommand) => collect(await askHolder(dir, command))
    expect(await ask({ cmd: 'status' })).toMatchObject([{ spool: 'lmdb', dead: 1, refusing: null }])
    expect(await ask({ cmd: 'replay', id: '1' })).toEqual([{ count: 1 }])
    await expect.poll(() => transport.texts).toEqual(['content of 1'])
    await expect(ask({ cmd: 'replay', id: '1' })).rejects.toMatchObject({ code: 'target-not-found' })
    await expect(ask({ cmd: 'format' } as never)).rejects.toMatchObject({ code: 'unsupported' })
    const rude = connect(join(dir, 'lock'))
    rude.resume().end('not json\n')
    await once(rude, 'close')
    expect(await ask({ cmd: 'status' })).toHaveLength(1)
  })

  it('is nobody when none runs', async () => {
    expect(await askHolder(dir, { cmd: 'status' })).toBeUndefined()
  })
})

describe('wgrok spool', () => {
  const wgrok = async (...args: string[]) => {
    const bin = new URL('../../src/cli/main.ts', import.meta.url).href
    const io = new URL('../../src/cli/io.ts', import.meta.url).href
    const script = `const { main } = await import(${JSON.stringify(bin)}); const { processIo } = await import(${JSON.stringify(io)}); process.exitCode = await main(process.argv.slice(1), processIo())`
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script, 'spool', ...args], {
      env: { PATH: process.env['PATH'], WGROK_STATE_DIR: dir },
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', part => {
      stdout += part
    })
    child.stderr.setEncoding('utf8').on('data', part => {
      stderr += part
    })
    const [code] = await once(child, 'close')
    return { code, stdout, stderr }
  }

  it('looks at a directory that no router uses, and changes it', async () => {
    await (await spoolWithDead('1', '2')).close()
    expect((await wgrok('status')).stdout).toBe('lmdb: 0 waiting (0 bytes) in 0 lanes, 2 dead letters\n')
    expect((await wgrok('list')).stdout).toMatch(/^\S+ {2}platform-rejected {2}a {2}12 characters {2}1\n\S+ .* 2\n$/)
    expect((await wgrok('show', '2')).stdout).toContain('\n\ncontent of 2\n')
    expect(
      (await wgrok('export')).stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line).entry.id),
    ).toEqual(['1', '2'])
    expect(await wgrok('replay', '1')).toMatchObject({ code: 0, stdout: '1\n' })
    expect(await wgrok('drop', '--all')).toMatchObject({ code: 0, stdout: '1\n' })
    expect((await wgrok('status')).stdout).toMatch(/1 waiting .* 0 dead letters\n {2}1\ta\n$/)
  }, 60_000)

  it('says what is wrong', async () => {
    expect(await wgrok('show', '9')).toMatchObject({ code: 3, stderr: expect.stringContaining('target-not-found') })
    expect(await wgrok('drop')).toMatchObject({ code: 2, stderr: expect.stringContaining('--all') })
    expect(await wgrok('status', '--state-dir', join(dir, 'nope'))).toMatchObject({ code: 2 })
    writeFileSync(join(dir, 'file'), '')
    expect(await wgrok('status', '--state-dir', join(dir, 'file'))).toMatchObject({ code: 3 })
  }, 60_000)
})
