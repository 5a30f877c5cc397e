import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { build } from 'esbuild'
import { afterAll, describe, expect, it } from 'vitest'
import { wgrok } from '../conformance/support.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SCHEMAS = join(ROOT, 'generated/schemas')
const folder = mkdtempSync(join(tmpdir(), 'wgrok-cookbook-'))
symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
afterAll(() => rmSync(folder, { recursive: true }))

const TRAFFIC = ['{"type":"register","platform":"agents"}', '{"type":"message","content":5}', '{"type":"launch"}']
writeFileSync(join(folder, 'traffic.ndjson'), `${TRAFFIC.join('\n')}\n`)
writeFileSync(join(folder, 'router.log'), 'INFO sent ./echo:a:b:-:c\nWARN odd ./echo:a:b:q:c\nINFO nothing\n')

const page = readFileSync(join(ROOT, 'docs/cookbook-validation.md'), 'utf8')
const snippets = [...page.matchAll(/^```(\w+) test\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({
  language,
  code,
}))

function has(command: string, ...args: string[]): boolean {
  return spawnSync(command, args).status === 0
}

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, SCHEMAS },
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout
}

function snippet(language: string, holds: string): string {
  const found = snippets.find(one => one.language === language && one.code.includes(holds))
  if (found === undefined) throw new Error(`no ${language} snippet with ${holds}`)
  return found.code
}

describe('the cookbook', () => {
  it('has no snippet that this test does not run', () => expect(snippets).toHaveLength(7))

  it.each([
    [
      'validate traffic',
      1,
      /^line 1: BridgeRegister is valid\nline 2: BridgeMessage is invalid: \/content: .*\nline 3: /,
    ],
    ['validate --log', 1, /^line 2: Echo is invalid: .*\n2 messages in 3 lines, 1 invalid, 1 lines without any\n/],
  ])('runs wgrok %s', async (holds, expected, output) => {
    const [, ...argv] = snippet('sh', holds).trim().split(' ')
    const { code, stdout } = await wgrok(argv, { cwd: folder })
    expect(stdout).toMatch(output)
    expect(code).toBe(expected)
  })

  it('runs the JavaScript', async () => {
    const code = snippet('js', 'wgrok/validate').replace('wgrok/validate', join(ROOT, 'src/validate.ts'))
    const { outputFiles } = await build({
      stdin: { contents: code, resolveDir: ROOT },
      bundle: true,
      write: false,
      format: 'esm',
    })
    const file = join(folder, 'snippet.mjs')
    writeFileSync(file, outputFiles[0]?.text ?? '')
    expect(run(process.execPath, file)).toBe('/platform: expected a value, got nothing\n')
  })

  it('runs Ajv', () => {
    const file = join(folder, 'ajv.mjs')
    writeFileSync(file, snippet('js', 'Ajv2020'))
    expect(run(process.execPath, file)).toMatch(/^\{"type":"message","content":5\} must .*\n\{"type":"launch"\} .*\n$/)
  })

  it.runIf(has('python3', '-c', 'import jsonschema'))('runs the Python', () => {
    expect(run('python3', '-c', snippet('python', 'jsonschema'))).toMatch(
      /^line 2: .*\n(?:line [23]: .*\n)*line 3: .*\n$/,
    )
  })

  it.runIf(has('jq', '--version'))('runs jq', () => {
    expect(run('sh', '-c', snippet('sh', 'select(.type'))).toBe('{"type":"launch"}\n')
    expect(run('sh', '-c', snippet('sh', 'group_by'))).toBe('1 launch\n1 message\n1 register\n')
  })
})

describe('the schemas', () => {
  it('are complete in themselves, and named after their files', () => {
    for (const name of readdirSync(SCHEMAS)) {
      const text = readFileSync(join(SCHEMAS, name), 'utf8')
      const schema = JSON.parse(text)
      expect(schema.$schema, name).toBe('https://json-schema.org/draft/2020-12/schema')
      expect(schema.$id, name).toBe(`https://wgrok.dev/schemas/${name}`)
      for (const [, ref = ''] of text.matchAll(/"\$ref": "([^"]+)"/g)) expect(ref, name).toMatch(/^#/)
      new Ajv2020({ strict: false, validateFormats: false, discriminator: true }).compile(schema)
    }
  })
})

describe('wgrok/validate in a browser', () => {
  it('is less than 8 KB for the bridge envelope, gzipped', async () => {
    const contents = "export { explain, validateBridgeEnvelope } from './src/validate.ts'"
    const options = { bundle: true, minify: true, write: false, format: 'esm', platform: 'browser' } as const
    const { outputFiles } = await build({ stdin: { contents, resolveDir: ROOT }, ...options })
    expect(gzipSync(outputFiles[0]?.contents ?? '').length).toBeLessThan(8192)
  })
})
