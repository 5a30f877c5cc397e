import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt, ROOT, run } from './run.js'

const COMMANDS = ['up', 'router', 'send', 'receive', 'request', 'keygen', 'validate', 'generate']

beforeAll(ensureBuilt)

describe('wgrok --help', () => {
  it('names every command, shows examples and explains the exit codes', async () => {
    const { code, stdout } = await run(['--help'])
    expect(code).toBe(0)
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'))
    expect(stdout).toContain('Examples:')
    expect(stdout).toContain('Exit codes:')
  })

  it.each(COMMANDS)('of %s prints to stdout and exits 0', async command => {
    const { code, stdout } = await run([command, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^usage:/im)
  })

  it.each(COMMANDS.filter(command => command !== 'generate'))('of %s has examples and exit codes', async command => {
    const { stdout } = await run([command, '--help'])
    expect(stdout).toContain(`$ `)
    expect(stdout).toContain('Exit codes:')
  })
})

describe('wgrok', () => {
  it('prints the version of the package', async () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' })
  })

  it('exits 2 on an unknown command and suggests the near one', async () => {
    const { code, stderr, stdout } = await run(['sent'])
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('send')
  })

  it('exits 2 on an unknown option and on a value that is none', async () => {
    expect((await run(['send', '--nope'])).code).toBe(2)
    expect((await run(['send', 'x', '--platform', 'fax'])).code).toBe(2)
    expect((await run(['up', '--port', '70000'])).code).toBe(2)
    expect((await run(['receive', '--count', '0'])).code).toBe(2)
    expect((await run(['receive', '--timeout', '-1'])).code).toBe(2)
  })

  it('prints help and exits 2 without a command', async () => {
    const { code, stderr } = await run([])
    expect(code).toBe(2)
    expect(stderr).toContain('Usage: wgrok')
  })
})

describe('wgrok keygen', () => {
  it('prints a new key of 32 bytes each time', async () => {
    const [first, second] = await Promise.all([run(['keygen']), run(['keygen'])])
    expect(Buffer.from(first.stdout.trim(), 'base64')).toHaveLength(32)
    expect(first.stdout).not.toBe(second.stdout)
  })

  it('prints it as JSON', async () => {
    const { stdout } = await run(['keygen', '--json'])
    expect(JSON.parse(stdout)).toEqual({ key: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) })
  })
})
