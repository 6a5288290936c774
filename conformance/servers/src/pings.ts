// One request of a server's own protocol: rejects until the server answers it.
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import { createConnection } from "mysql2/promise";
import pg from "pg";

export async function pingRedis(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 2000 });
  client.on("error", () => {}); // connect() rejects with it too
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}

export async function pingMysql(url: string): Promise<void> {
  const connection = await createConnection({ uri: url, connectTimeout: 2000 });
  try {
    await connection.query("SELECT 1");
  } finally {
    connection.destroy();
  }
}

export async function pingPostgres(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
  client.on("error", () => {}); // the server is still starting; connect() rejects with it too
  try {
    await client.connect();
    await client.query("SELECT 1");
  } finally {
    await client.end();
  }
}

export async function pingMongo(url: string): Promise<void> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 2000 });
  try {
    await client.db().command({ ping: 1 });
    await client.db().collection("ping").findOne({});
  } finally {
    await client.close();
  }
}
