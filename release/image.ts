// The module as an image for a registry: one layer with one file called plugin.wasm, which is what Istio's
// agent looks for (https://github.com/solo-io/wasm/blob/master/spec/spec-compat.md), as an OCI image layout (https://github.com/opencontainers/image-spec/blob/main/image-layout.md).

import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
/** The agent takes an image of one layer only where the layer is of this type. */
const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const PLUGIN = "plugin.wasm";
/** Of tar: all is in blocks of so many bytes, and two empty ones end it. */
const TAR_BLOCK = 512;
const TAR_CHECKSUM_AT = 148;
const TAR_CHECKSUM_SIZE = 8;
/** Where gzip's head names the operating system, and its value for "unknown" (RFC 1952, 2.3.1). */
const GZIP_SYSTEM_AT = 9;
const GZIP_SYSTEM_UNKNOWN = 255;

/** What points to a blob. */
interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/** Writes the image of this module, tagged with this version, into the folder; gives its digest, "sha256:12ab…". */
export function writeImage(folder: string, module: Uint8Array, version: string): string {
  const blobs = join(folder, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const blob = (mediaType: string, content: Uint8Array): Descriptor => {
    const hash = sha256(content);
    writeFileSync(join(blobs, hash), content);
    return { mediaType, digest: `sha256:${hash}`, size: content.length };
  };

  const archive = tarOf(PLUGIN, module);
  const layer = blob(LAYER_TYPE, gzipped(archive));
  const config = blob(
    CONFIG_TYPE,
    json({
      architecture: "wasm",
      os: "wasi",
      config: {},
      rootfs: { type: "layers", diff_ids: [`sha256:${sha256(archive)}`] },
    }),
  );
  const manifest = blob(
    MANIFEST_TYPE,
    json({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers: [layer] }),
  );
  const annotations = { "org.opencontainers.image.ref.name": version };
  const manifests = [{ ...manifest, annotations }];
  writeFileSync(join(folder, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(
    join(folder, "index.json"),
    json({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }),
  );
  return manifest.digest;
}

/** The checksum of these bytes in hex. */
export function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** A tar file (POSIX ustar) with one file, of no owner and no time, so that the same file gives the same bytes. */
function tarOf(name: string, content: Uint8Array): Buffer {
  const head = Buffer.alloc(TAR_BLOCK);
  const octal = (value: number, at: number, digits: number): void => {
    head.write(value.toString(8).padStart(digits, "0"), at, "latin1");
  };
  head.write(name, 0, "latin1");
  octal(0o644, 100, 7); // mode
  octal(0, 108, 7); // user
  octal(0, 116, 7); // group
  octal(content.length, 124, 11);
  octal(0, 136, 11); // time
  head.write("0", 156, "latin1"); // a regular file
  head.write("ustar\0" + "00", 257, "latin1");
  // The sum is taken with blanks in its own place.
  head.fill(" ", TAR_CHECKSUM_AT, TAR_CHECKSUM_AT + TAR_CHECKSUM_SIZE);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(sum.toString(8).padStart(6, "0") + "\0 ", TAR_CHECKSUM_AT, "latin1");
  const rest = (TAR_BLOCK - (content.length % TAR_BLOCK)) % TAR_BLOCK;
  return Buffer.concat([head, content, Buffer.alloc(rest + 2 * TAR_BLOCK)]);
}

/** In gzip's format but not compressed: what compression gives depends on the version of zlib. */
function gzipped(content: Uint8Array): Buffer {
  const stored = gzipSync(content, { level: 0 });
  stored[GZIP_SYSTEM_AT] = GZIP_SYSTEM_UNKNOWN;
  return stored;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value, null, 2) + "\n");
}
