import { describe, expect, it } from 'vitest'
import { SECRET_FIELDS } from '../../generated/secrets.js'
import { WgrokError } from '../../src/errors.js'
import { type Logger, type LoggerOptions, openLogger, silent } from '../../src/log.js'

async function record(
  options: Partial<LoggerOptions>,
  write: (logger: Logger) => void,
): Promise<Record<string, unknown>[]> {
  const lines: string[] = []
  const logger = await openLogger({ module: 'test', ...options, destination: { write: line => lines.push(line) } })
  write(logger)
  for (const line of lines) expect(line.endsWith('\n')).toBe(true)
  return lines.map(line => JSON.parse(line))
}

describe('logger', () => {
  it('writes ts, level, msg, module and fields as one JSON object per line', async () => {
    const [line] = await record({}, logger => logger.warn('slow\nline', { messageId: 'm1', count: 3 }))
    expect(line).toMatchObject({ level: 'WARN', msg: 'slow\nline', module: 'test', messageId: 'm1', count: 3 })
    expect(new Date(String(line?.['ts'])).toISOString()).toBe(line?.['ts'])
    expect(Object.keys(line ?? {}).sort()).toEqual(['count', 'level', 'messageId', 'module', 'msg', 'ts'])
  })

  it('writes WARN and ERROR always, INFO and DEBUG with debug', async () => {
    const all = (logger: Logger): void => {
      logger.debug('d')
      logger.info('i')
      logger.warn('w')
      logger.error('e')
      logger.child({ platform: 'irc' }).info('c')
    }
    expect((await record({}, all)).map(line => line['level'])).toEqual(['WARN', 'ERROR'])
    const levels = (await record({ debug: true }, all)).map(line => line['level'])
    expect(levels).toEqual(['DEBUG', 'INFO', 'WARN', 'ERROR', 'INFO'])
  })

  it('adds the fields of a child to every line of it', async () => {
    const [line] = await record({}, logger =>
      logger.child({ module: 'slack', team: 'T1' }).error('x', { code: 'timeout' }),
    )
    expect(line).toMatchObject({ module: 'slack', team: 'T1', code: 'timeout' })
  })

  it('blanks every field that the spec calls secret, at any depth, in lines and children', async () => {
    const fields = Object.fromEntries(
      [...SECRET_FIELDS, 'Authorization', 'payload', 'content'].map(name => [name, 's3cr3t']),
    )
    const lines = await record({ debug: true }, logger => {
      logger.info('x', { ...fields, deep: [{ config: fields }] })
      logger.child(fields).info('y', { headers: { authorization: 'Bearer s3cr3t' } })
    })
    expect(lines).toHaveLength(2)
    expect(JSON.stringify(lines)).not.toContain('s3cr3t')
  })

  it('blanks known secrets wherever they turn up, as they stand in JSON', async () => {
    const secrets = ['xoxb-1234-5678', 'with "quotes" and \\', 'short', 'xoxb-1234-5678-longer']
    const lines = await record({ secrets }, logger => {
      logger.warn('GET https://x/?token=xoxb-1234-5678 failed', { url: 'wss://with "quotes" and \\', note: 'short' })
      logger.error('xoxb-1234-5678-longer')
    })
    const text = JSON.stringify(lines)
    expect(text).not.toContain('xoxb')
    expect(text).not.toContain('quotes')
    expect(text).not.toContain('longer')
    expect(text).toContain('short')
  })

  it('writes name, code and place of an error, and the message of our own only', async () => {
    const cause = Object.assign(new SyntaxError('Unexpected token in "secret"'), { code: 'E1' })
    const error = new WgrokError('envelope-invalid', 'not JSON', { cause })
    const [line] = await record({}, logger => logger.error('x', { error }))
    expect(line?.['error']).toMatchObject({
      name: 'WgrokError',
      code: 'envelope-invalid',
      message: '[envelope-invalid] not JSON',
      cause: { name: 'SyntaxError', code: 'E1' },
    })
    expect(JSON.stringify(line)).not.toContain('secret')
  })

  it('survives what cannot be serialised', async () => {
    const loop: Record<string, unknown> = { bytes: Buffer.from('secret'), big: 10n, fn: () => 1 }
    loop['self'] = loop
    const error = new Error('x')
    error.cause = error
    const [line] = await record({}, logger => logger.warn('x', { loop, error, none: undefined, nil: null }))
    expect(line).toMatchObject({ msg: 'x', nil: null, loop: { big: '10' } })
  })

  it('has a silent form', () => {
    expect(silent.child({ a: 1 })).toBe(silent)
    expect(silent.error('x')).toBeUndefined()
  })
})
