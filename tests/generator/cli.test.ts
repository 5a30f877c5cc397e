import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runGenerate } from '../../generator/cli.js'
import { generateOnChange, generateOnce } from '../../generator/generate.js'
import { type ExitCode, parseOptions } from '../../generator/options.js'
import { GENERATOR_PEERS, loadPeer, MissingPeerError, missingPeers } from '../../generator/peers.js'
import { reportFailure } from '../../generator/report.js'
import { GeneratorThread } from '../../generator/thread.js'
import { BASE_SPEC } from './base-spec.js'

/** A process around the generator that keeps what it was told. */
class Desk {
  stdout = ''
  stderr = ''
  readonly cwd: string
  readonly stop = new AbortController()

  constructor(cwd: string) {
    this.cwd = cwd
  }

  get io(): Parameters<typeof runGenerate>[1] {
    return {
      cwd: this.cwd,
      signal: this.stop.signal,
      stdout: text => {
        this.stdout += text
      },
      stderr: text => {
        this.stderr += text
      },
    }
  }
}

/** A folder with the spec and what it turns into, made once. */
let template: string
let folder: string
let desk: Desk
let thread: GeneratorThread

beforeAll(async () => {
  thread = new GeneratorThread()
  template = await newFolder()
  desk = new Desk(template)
  expect(await generate()).toBe(0)
})

afterAll(async () => {
  await thread.close()
  await rm(template, { recursive: true })
})

beforeEach(async () => {
  folder = await newFolder()
  desk = new Desk(folder)
})

afterEach(() => rm(folder, { recursive: true }))

async function newFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'wgrok-cli-'))
  await writeFile(join(path, 'asyncapi.yaml'), BASE_SPEC)
  return path
}

/** What the command does, on a thread that is already warm. */
async function generate(...argv: string[]): Promise<ExitCode> {
  const options = parseOptions(argv, desk.io)
  if (options === undefined) throw new Error('help')
  try {
    return await generateOnce(options, desk.io, thread)
  } catch (cause) {
    return reportFailure(cause, options, desk.io)
  }
}

async function snapshot(): Promise<Map<string, string>> {
  const entries = await readdir(join(folder, 'generated'), { recursive: true, withFileTypes: true })
  const paths = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const texts = await Promise.all(paths.sort().map(path => readFile(path, 'utf8')))
  return new Map(paths.map((path, index) => [path.slice(folder.length + 1), texts[index] ?? '']))
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  const file = join(folder, path)
  await writeFile(file, change(await readFile(file, 'utf8')))
}

describe('generate', () => {
  it('writes every file with its hash in the manifest, and then finds nothing to do', async () => {
    expect(await generate()).toBe(0)
    const files = await snapshot()
    const manifest = JSON.parse(files.get('generated/manifest.json') ?? '') as { files: Record<string, string> }
    expect(Object.keys(manifest.files).map(path => `generated/${path}`)).toEqual(
      [...files.keys()].filter(path => path !== 'generated/manifest.json'),
    )
    expect([...files.keys()]).toContain('generated/PROTOCOL.md')
    desk.stdout = ''
    expect(await generate()).toBe(0)
    expect(desk.stdout).toMatch(/^generated is up to date: \d+ files, \d+ ms\n$/)
    expect(await snapshot()).toEqual(files)
  })

  it('shows every part of the command line', async () => {
    expect(await runGenerate(['--help'], desk.io)).toBe(0)
    for (const flag of ['spec', 'out', 'check', 'diff', 'watch', 'env', 'inject', 'json']) {
      expect(desk.stdout).toContain(`--${flag}`)
    }
  })

  it.each([[['--nonsense']], [['extra']], [['--watch', '--check']], [['--spec']]])('refuses %j', async argv => {
    expect(await runGenerate(argv, desk.io)).toBe(2)
    expect(desk.stderr).toContain('Usage: wgrok generate')
    expect(await readdir(folder)).toEqual(['asyncapi.yaml'])
  })

  it('runs as a whole command too, and ends', async () => {
    expect(await runGenerate(['--out', 'elsewhere', '--json'], desk.io)).toBe(0)
    const report = JSON.parse(desk.stdout) as { ok: boolean; drift: { kind: string; path: string }[] }
    expect(report.ok).toBe(true)
    expect(report.drift).toContainEqual({ kind: 'missing', path: 'elsewhere/models.ts' })
  })
})

describe('generate --check', () => {
  beforeEach(() => cp(template, folder, { recursive: true }))

  it('is content with what was just written', async () => {
    expect(await generate('--check')).toBe(0)
  })

  it('finds one changed character, shows it, and writes nothing', async () => {
    await edit('generated/models.ts', text => text.replace('readonly', 'readonlY'))
    const before = await snapshot()
    expect(await generate('--check')).toBe(1)
    expect(desk.stdout).toContain('generated/models.ts stale\n  line ')
    expect(desk.stdout).toMatch(/^ {2}-.*readonlY/m)
    expect(desk.stdout).toContain('without --check')
    expect(await snapshot()).toEqual(before)
  })

  it('finds a missing file', async () => {
    await rm(join(folder, 'generated/frames.ts'))
    expect(await generate('--check')).toBe(1)
    expect(desk.stdout).toContain('generated/frames.ts missing')
  })

  it('finds an orphan, and a file that was never generated', async () => {
    await writeFile(join(folder, 'generated/mine.ts'), '')
    await edit('generated/manifest.json', text => text.replace('"files": {', '"files": {\n    "gone.ts": "",'))
    await writeFile(join(folder, 'generated/gone.ts'), '')
    expect(await generate('--check')).toBe(1)
    expect(desk.stdout).toContain('generated/gone.ts orphaned')
    expect(desk.stdout).toContain('generated/mine.ts foreign')
    expect(await generate()).toBe(0)
    expect(await readdir(join(folder, 'generated'))).not.toContain('gone.ts')
    expect(await readdir(join(folder, 'generated'))).toContain('mine.ts')
  })

  it('finds a spec that changed', async () => {
    await edit('asyncapi.yaml', text => text.replace('value: 1024', 'value: 2048'))
    expect(await generate('--check')).toBe(1)
    expect(desk.stdout).toContain('generated/limits.ts stale')
    expect(desk.stdout).toMatch(/^ {2}-.*1024/m)
    expect(desk.stdout).toMatch(/^ {2}\+.*2048/m)
  })
})

describe('a bad spec', () => {
  let before: Map<string, string>

  beforeEach(async () => {
    await cp(template, folder, { recursive: true })
    before = await snapshot()
  })

  afterEach(async () => {
    expect(await snapshot()).toEqual(before)
    expect(desk.stdout).toBe('')
  })

  it.each([
    ['no YAML', () => 'a: [1', /^asyncapi\.yaml:\d+:\d+ yaml-\S+ /],
    ['a repeated key', (text: string) => `${text}\ninfo: {}\n`, /^asyncapi\.yaml:\d+:1 yaml-duplicate-key /],
    ['a list', () => '- 1', /^asyncapi\.yaml:1:1 spec-not-a-mapping /],
    ['a dangling reference', (text: string) => text.replace("messages/Bye' }", "messages/Gone' }"), /invalid-ref/],
    [
      'what only lint sees',
      (text: string) => text.replace('unit: utf8-bytes', 'unit: pints'),
      /^asyncapi\.yaml:\d+:\d+ WG\d+ /m,
    ],
    ['a missing version', (text: string) => text.replace(', version: 1.2.3', ''), /^asyncapi\.yaml:\d+:\d+ /],
  ])('with %s is told with its place, exits 2 and leaves the files alone', async (_, change, told) => {
    await edit('asyncapi.yaml', change)
    expect(await generate()).toBe(2)
    expect(desk.stderr).toMatch(told)
    for (const line of desk.stderr.trim().split('\n')) expect(line).toMatch(/^asyncapi\.yaml:\d+:\d+ \S+ \S/)
  })

  it('that is not there is told too', async () => {
    expect(await generate('--spec', 'none.yaml')).toBe(2)
    expect(desk.stderr).toMatch(/^none\.yaml:1:1 spec-unreadable .*ENOENT/)
  })
})

describe('generate --env --inject', () => {
  const README = '# Read me\n<!-- wgrok:config -->\n<!-- /wgrok:config -->\nend\n'

  it('keeps both files in step', async () => {
    await writeFile(join(folder, 'README.md'), README)
    expect(await generate('--env', '.env.example', '--inject', 'README.md')).toBe(0)
    expect(await readFile(join(folder, '.env.example'), 'utf8')).toMatch(/^# Generated by wgrok-gen/)
    expect(await readFile(join(folder, 'README.md'), 'utf8')).toMatch(/^# Read me\n<!-- wgrok:config -->\n\| Variable/)
    expect(await generate('--check', '--env', '.env.example', '--inject', 'README.md')).toBe(0)
    await edit('README.md', text => text.replace('| Variable', '| Var'))
    expect(await generate('--check', '--env', '.env.example', '--inject', 'README.md')).toBe(1)
    expect(desk.stdout).toContain('README.md stale')
  })

  it('says when there is no region to fill, and still writes the rest', async () => {
    await writeFile(join(folder, 'README.md'), '# Read me\n')
    expect(await generate('--inject', 'README.md')).toBe(1)
    expect(desk.stderr).toMatch(/^README\.md: no text between/)
    expect(await readdir(join(folder, 'generated'))).toContain('models.ts')
  })
})

describe('generate --diff', () => {
  beforeEach(() => cp(join(folder, 'asyncapi.yaml'), join(folder, 'old.yaml')))

  it('is content when nothing changed', async () => {
    expect(await runGenerate(['--diff', 'old.yaml'], desk.io)).toBe(0)
    expect(desk.stdout).toContain('no change')
  })

  it('exits 1 for a change that the version does not announce', async () => {
    await edit('asyncapi.yaml', text =>
      text.replace('  not-found:', '  gone: { status: 410, retryable: false, meaning: Gone. }\n  found:'),
    )
    expect(await runGenerate(['--diff', 'old.yaml'], desk.io)).toBe(1)
    expect(desk.stdout).toContain('not enough')
    await edit('asyncapi.yaml', text => text.replace('version: 1.2.3', 'version: 2.0.0'))
    expect(await runGenerate(['--diff', 'old.yaml', '--json'], desk.io)).toBe(0)
    expect(desk.stdout).toContain('"sufficient":true')
  })

  it('exits 2 when the old spec cannot be read', async () => {
    expect(await runGenerate(['--diff', 'none.yaml'], desk.io)).toBe(2)
    expect(desk.stderr).toMatch(/^none\.yaml:1:1 /)
  })
})

describe('generate --watch', () => {
  it('follows every change, tells a bad spec, and goes on', async () => {
    const options = parseOptions(['--watch'], desk.io)
    if (options === undefined) throw new Error('help')
    const running = generateOnChange(options, desk.io, thread)
    const until = async (done: () => boolean): Promise<void> => {
      const end = Date.now() + 15_000
      while (!done()) {
        if (Date.now() > end) throw new Error(`nothing came; so far:\n${desk.stdout}${desk.stderr}`)
        await new Promise(resolve => setTimeout(resolve, 20))
      }
    }
    await until(() => desk.stdout.includes('changed'))
    await edit('asyncapi.yaml', text => `${text}\ninfo: {}\n`)
    await until(() => desk.stderr.includes('yaml-duplicate-key'))
    await writeFile(join(folder, 'asyncapi.yaml'), BASE_SPEC.replace('value: 1024', 'value: 4096'))
    await until(() => desk.stdout.includes('generated/limits.ts rewritten'))
    expect(await readFile(join(folder, 'generated/limits.ts'), 'utf8')).toContain('4096')
    desk.stop.abort()
    expect(await running).toBe(0)
  })
})

describe('packages that are not installed', () => {
  it('are all found in this repository', () => {
    expect(missingPeers()).toEqual([])
    expect(GENERATOR_PEERS).toContain('@asyncapi/modelina')
  })

  it('are named with the command that adds them', async () => {
    const missing = Object.assign(new Error("Cannot find package 'ajv' imported from x"), {
      code: 'ERR_MODULE_NOT_FOUND',
    })
    await expect(loadPeer('ajv', () => Promise.reject(missing))).rejects.toThrow('npm i -D ajv')
    const other = Object.assign(new Error("Cannot find package 'ajv' imported from x"), { code: 'ERR_OTHER' })
    await expect(loadPeer('ajv', () => Promise.reject(other))).rejects.toBe(other)
    const options = parseOptions([], desk.io)
    if (options === undefined) throw new Error('help')
    expect(reportFailure(new MissingPeerError(['ajv', 'yaml'], undefined), options, desk.io)).toBe(2)
    expect(desk.stderr).toBe('the generator needs ajv, yaml: npm i -D ajv yaml\n')
  })
})

describe('a defect of the generator', () => {
  it('exits 3 and says so', async () => {
    await mkdir(join(folder, 'generated/models.ts'), { recursive: true })
    expect(await generate()).toBe(3)
    expect(desk.stderr).toMatch(/^internal: /)
  })
})
