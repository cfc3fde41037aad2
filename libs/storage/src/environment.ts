/** The variables that name a process's storage, for the schema of each app, and what they mean. This module reads none itself. */
import { resolve } from 'node:path';
import { DomainError } from '@nat/errors';
import { z } from 'zod';
import { parseBlobUrl } from './blobs/open-blob-store.ts';

/** Where blobs are. */
export const blobEnvironment = {
  /** `file:///folder` or `s3://bucket/prefix?endpoint=URL&region=NAME`; the same place in every process of a platform. */
  NAT_BLOB_URL: z.string().optional(),
  /** A folder; the same as NAT_BLOB_URL=file://FOLDER. */
  NAT_BLOB_DIR: z.string().optional(),
};

/**
 * The blob URL of the settings, checked, for `openBlobStore`; undefined where none is named.
 * @throws DomainError FAILED_PRECONDITION BAD_CONFIGURATION
 */
export function blobUrlOf({ NAT_BLOB_URL: url, NAT_BLOB_DIR: directory }: z.output<z.ZodObject<typeof blobEnvironment>>): string | undefined {
  if (url !== undefined && directory !== undefined) throw badConfiguration('NAT_BLOB_URL and NAT_BLOB_DIR exclude each other');
  if (url === undefined) return directory === undefined ? undefined : resolve(directory);
  try {
    parseBlobUrl(url);
  } catch (error) {
    throw badConfiguration(`NAT_BLOB_URL: ${(error as Error).message}`);
  }
  return url;
}

/** As `blobUrlOf`, where a process cannot do without. */
export function requireBlobUrl(settings: z.output<z.ZodObject<typeof blobEnvironment>>): string {
  const url = blobUrlOf(settings);
  if (url === undefined) throw badConfiguration('NAT_BLOB_URL is required (or NAT_BLOB_DIR, a folder)');
  return url;
}

function badConfiguration(why: string): DomainError {
  return new DomainError('FAILED_PRECONDITION', why, { reason: 'BAD_CONFIGURATION' });
}
