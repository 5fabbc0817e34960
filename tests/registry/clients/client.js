// SPDX-License-Identifier: MIT
// JavaScript's registry client, led by test_clients.py: a line of JSON in, [method, arguments…], a line
// out, {"result": …} or {"error": …, "status": …}. Bytes are hex.
'use strict';
const readline = require('readline');
const { SchemaRegistry, SchemaType } = require('@kafkajs/confluent-schema-registry');

let registry;

const methods = {
  // A client that has nothing in its cache.
  open(host) {
    registry = new SchemaRegistry({ host, retry: { retries: 0 } });
    return true;
  },
  async register(subject, schema, references, compatibility) {
    const confluent = { type: SchemaType.AVRO, schema: JSON.stringify(schema), references };
    return (await registry.register(confluent, { subject, compatibility })).id;
  },
  latest: (subject) => registry.getLatestSchemaId(subject),
  find: (subject, schema) => registry.getRegistryIdBySchema(subject, {
    type: SchemaType.AVRO, schema: JSON.stringify(schema),
  }),
  encode: async (id, value) => (await registry.encode(id, value)).toString('hex'),
  decode: (hex) => registry.decode(Buffer.from(hex, 'hex')),
};

async function answer(line) {
  const [method, ...words] = JSON.parse(line);
  try {
    return { result: await methods[method](...words) };
  } catch (error) {
    return { error: String(error.message), status: error.status || null };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
  }
}

main();
