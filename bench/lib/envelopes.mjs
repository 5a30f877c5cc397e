import { Type } from '@sinclair/typebox'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import * as v from 'valibot'
import * as z from 'zod'

/*
 * The bridge envelope as each library's users would write it: a tagged union where the library has one, further fields
 * kept. `check(value)` returns whether the value is valid.
 */

const MAX = Number.MAX_SAFE_INTEGER

export function withZod() {
  const s = z.string()
  const key = z.string().min(1).max(512).optional()
  const name = z.string().min(1).optional()
  const count = z.int().min(0).max(MAX)
  const metadata = z
    .looseObject({ user_id: s.optional(), room_id: s.optional(), thread_id: s.optional(), platform: s.optional() })
    .optional()
  const data = z
    .looseObject({
      cards: z.array(z.looseObject({})).max(64).optional(),
      images: z
        .array(z.looseObject({ url: z.string().min(1), alt: s.optional() }))
        .max(64)
        .optional(),
      buttons: z
        .array(z.looseObject({ text: z.string().min(1), value: s.optional(), url: s.optional() }))
        .max(64)
        .optional(),
    })
    .optional()
  const relay = {
    from: s.optional(),
    to: s.optional(),
    task_id: s.optional(),
    status: s.optional(),
    response: s.optional(),
    error: s.optional(),
    created_at: s.optional(),
  }
  const epoch = z.string().min(8).max(64)
  const gap = z.looseObject({ from: z.int().min(1).max(MAX), to: z.int().min(1).max(MAX) })
  const schema = z.discriminatedUnion('type', [
    z.looseObject({
      type: z.literal('register'),
      platform: z.string().regex(/^[a-z0-9_-]{1,32}$/),
      token: z.string().min(1).max(4096).optional(),
      resume: z.looseObject({ epoch, seq: count, peer_epoch: epoch.optional(), ack: count.optional() }).optional(),
      capabilities: z.array(z.string().min(1).max(64)).max(64).optional(),
    }),
    z.looseObject({
      type: z.literal('message'),
      platform: name,
      session_key: key,
      content: s.optional(),
      metadata,
      data,
      ...relay,
    }),
    z.looseObject({
      type: z.literal('reply'),
      platform: name,
      session_key: key,
      content: s.optional(),
      metadata,
      data,
      ...relay,
      resume: z.looseObject({ epoch, seq: count, ack: count, resumed: z.boolean(), gap: gap.optional() }).optional(),
    }),
    z.looseObject({
      type: z.literal('event'),
      event: z.string().min(1).max(64),
      session_key: key,
      platform: name,
      metadata,
    }),
    z.looseObject({
      type: z.literal('error'),
      code: z.int().min(0).max(999_999),
      message: s.optional(),
      session_key: key,
    }),
  ])
  return value => schema.safeParse(value).success
}

export function withValibot() {
  const s = v.optional(v.string())
  const text = (min, max) => v.pipe(v.string(), v.minLength(min), v.maxLength(max))
  const key = v.optional(text(1, 512))
  const name = v.optional(v.pipe(v.string(), v.minLength(1)))
  const whole = (min, max) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max))
  const count = whole(0, MAX)
  const some = entries => v.looseObject(entries)
  const list = item => v.optional(v.pipe(v.array(item), v.maxLength(64)))
  const metadata = v.optional(some({ user_id: s, room_id: s, thread_id: s, platform: s }))
  const full = v.pipe(v.string(), v.minLength(1))
  const data = v.optional(
    some({
      cards: list(some({})),
      images: list(some({ url: full, alt: s })),
      buttons: list(some({ text: full, value: s, url: s })),
    }),
  )
  const relay = { from: s, to: s, task_id: s, status: s, response: s, error: s, created_at: s }
  const epoch = text(8, 64)
  const gap = some({ from: whole(1, MAX), to: whole(1, MAX) })
  const schema = v.variant('type', [
    some({
      type: v.literal('register'),
      platform: v.pipe(v.string(), v.regex(/^[a-z0-9_-]{1,32}$/)),
      token: v.optional(text(1, 4096)),
      resume: v.optional(some({ epoch, seq: count, peer_epoch: v.optional(epoch), ack: v.optional(count) })),
      capabilities: list(text(1, 64)),
    }),
    some({ type: v.literal('message'), platform: name, session_key: key, content: s, metadata, data, ...relay }),
    some({
      type: v.literal('reply'),
      platform: name,
      session_key: key,
      content: s,
      metadata,
      data,
      ...relay,
      resume: v.optional(some({ epoch, seq: count, ack: count, resumed: v.boolean(), gap: v.optional(gap) })),
    }),
    some({ type: v.literal('event'), event: text(1, 64), session_key: key, platform: name, metadata }),
    some({ type: v.literal('error'), code: whole(0, 999_999), message: s, session_key: key }),
  ])
  return value => v.is(schema, value)
}

export function withTypebox() {
  const s = Type.Optional(Type.String())
  const text = (minLength, maxLength) => Type.String({ minLength, maxLength })
  const key = Type.Optional(text(1, 512))
  const full = Type.String({ minLength: 1 })
  const name = Type.Optional(full)
  const count = Type.Integer({ minimum: 0, maximum: MAX })
  const list = item => Type.Optional(Type.Array(item, { maxItems: 64 }))
  const metadata = Type.Optional(Type.Object({ user_id: s, room_id: s, thread_id: s, platform: s }))
  const data = Type.Optional(
    Type.Object({
      cards: list(Type.Object({})),
      images: list(Type.Object({ url: full, alt: s })),
      buttons: list(Type.Object({ text: full, value: s, url: s })),
    }),
  )
  const relay = { from: s, to: s, task_id: s, status: s, response: s, error: s, created_at: s }
  const epoch = text(8, 64)
  const place = Type.Integer({ minimum: 1, maximum: MAX })
  const compiled = TypeCompiler.Compile(
    Type.Union([
      Type.Object({
        type: Type.Literal('message'),
        platform: name,
        session_key: key,
        content: s,
        metadata,
        data,
        ...relay,
      }),
      Type.Object({
        type: Type.Literal('reply'),
        platform: name,
        session_key: key,
        content: s,
        metadata,
        data,
        ...relay,
        resume: Type.Optional(
          Type.Object({
            epoch,
            seq: count,
            ack: count,
            resumed: Type.Boolean(),
            gap: Type.Optional(Type.Object({ from: place, to: place })),
          }),
        ),
      }),
      Type.Object({ type: Type.Literal('event'), event: text(1, 64), session_key: key, platform: name, metadata }),
      Type.Object({
        type: Type.Literal('register'),
        platform: Type.String({ pattern: '^[a-z0-9_-]{1,32}$' }),
        token: Type.Optional(text(1, 4096)),
        resume: Type.Optional(
          Type.Object({ epoch, seq: count, peer_epoch: Type.Optional(epoch), ack: Type.Optional(count) }),
        ),
        capabilities: list(text(1, 64)),
      }),
      Type.Object({
        type: Type.Literal('error'),
        code: Type.Integer({ minimum: 0, maximum: 999_999 }),
        message: s,
        session_key: key,
      }),
    ]),
  )
  return value => compiled.Check(value)
}
