/* SPDX-License-Identifier: Apache-2.0
 * Makes sets of EXR files for `smalti bench exr`: headers like those of renderers, pixels without compression, noise. */
#include "cli/bench_exr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct set_shape {
    const char *kind;
    uint32_t width, height, channels; /* channels of 2 bytes */
    uint64_t manifest_entries;
} set_shape;

/* 36 kB, 16.6 MB, 100 MB */
static const set_shape shapes[] = {{"small", 32, 18, 28, 0},
                                   {"medium", 1920, 1080, 4, 0},
                                   {"large", 1400, 667, 54, 0},
                                   {"manifest", 320, 180, 12, 450000}};

/* ---- Headers ---- */

static void put_u32(cli_buffer *out, uint32_t value)
{
    cli_buffer_add(
        out, (const uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)},
        4);
}

static void put_u64(cli_buffer *out, uint64_t value)
{
    put_u32(out, (uint32_t)value);
    put_u32(out, (uint32_t)(value >> 32));
}

static void put_name(cli_buffer *out, const char *name)
{
    cli_buffer_add(out, name, strlen(name) + 1);
}

static void put_head(cli_buffer *out, const char *name, const char *type, size_t size)
{
    put_name(out, name);
    put_name(out, type);
    put_u32(out, (uint32_t)size);
}

static void put_string(cli_buffer *out, const char *name, const char *text)
{
    put_head(out, name, "string", strlen(text));
    cli_buffer_text(out, text);
}

static void put_float(cli_buffer *out, const char *name, float value)
{
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    put_head(out, name, "float", 4);
    put_u32(out, word);
}

/* A, B, G, R, then layers of three, in the order of their names. */
static void put_channels(cli_buffer *out, uint32_t count)
{
    cli_buffer list = {0};
    for (uint32_t i = 0; i < count; i++) {
        char name[32];
        if (i < 4)
            snprintf(name, sizeof name, "%c", "ABGR"[i]);
        else
            snprintf(name, sizeof name, "pass%02u.%c", (i - 4) / 3, "BGR"[(i - 4) % 3]);
        put_name(&list, name);
        put_u32(&list, SMALTI_EXR_HALF);
        put_u32(&list, 0);
        put_u32(&list, 1);
        put_u32(&list, 1);
    }
    cli_buffer_add(&list, "", 1);
    put_head(out, "channels", "chlist", list.size);
    cli_buffer_add(out, list.data, list.size);
    out->lost = out->lost || list.lost;
    cli_buffer_clear(&list);
}

static void put_window(cli_buffer *out, const char *name, const set_shape *shape)
{
    put_head(out, name, "box2i", 16);
    put_u32(out, 0), put_u32(out, 0), put_u32(out, shape->width - 1), put_u32(out, shape->height - 1);
}

static void put_manifest(cli_buffer *out, uint64_t entries)
{
    cli_buffer text = {0};
    cli_buffer_text(&text, "{");
    for (uint64_t i = 0; i < entries; i++)
        cli_buffer_format(&text, "%s\"/stage/forest/scatter_%05llu/mesh_geo_shape_%07llu\":\"%08x\"", i ? "," : "",
                          (unsigned long long)(i / 100), (unsigned long long)i, (uint32_t)(i * 2654435761u));
    cli_buffer_text(&text, "}");
    put_string(out, "cryptomatte/f834d0a/name", "crypto_object");
    put_string(out, "cryptomatte/f834d0a/hash", "MurmurHash3_32");
    put_string(out, "cryptomatte/f834d0a/conversion", "uint32_to_float32");
    put_head(out, "cryptomatte/f834d0a/manifest", "string", text.size);
    cli_buffer_add(out, text.data, text.size);
    out->lost = out->lost || text.lost;
    cli_buffer_clear(&text);
}

static void put_header(cli_buffer *out, const set_shape *shape, uint64_t frame)
{
    put_u32(out, 20000630), put_u32(out, 2);
    put_string(out, "capDate", "2025:08:22 12:00:00");
    put_channels(out, shape->channels);
    put_string(out, "comments", "made by smalti bench exr");
    put_head(out, "compression", "compression", 1), cli_buffer_add(out, "\0", 1);
    if (shape->manifest_entries)
        put_manifest(out, shape->manifest_entries);
    put_window(out, "dataWindow", shape);
    put_window(out, "displayWindow", shape);
    put_float(out, "expTime", 0.02083f);
    put_head(out, "framesPerSecond", "rational", 8), put_u32(out, 24), put_u32(out, 1);
    put_head(out, "lineOrder", "lineOrder", 1), cli_buffer_add(out, "\0", 1);
    put_string(out, "owner", "studio");
    put_float(out, "pixelAspectRatio", 1);
    put_string(out, "renderer/version", "1.2.3");
    put_head(out, "screenWindowCenter", "v2f", 8), put_u64(out, 0);
    put_float(out, "screenWindowWidth", 1);
    put_head(out, "timeCode", "timecode", 8), put_u64(out, 0x01000000 | frame % 10);
    put_head(out, "worldToCamera", "m44f", 64);
    for (int i = 0; i < 16; i++)
        put_u32(out, i % 5 ? 0x3c23d70a : 0x3f800000);
    cli_buffer_add(out, "", 1);
}

/* ---- Files ---- */

static smalti_result write_all(int fd, const char *path, const void *data, size_t size, smalti_error *error)
{
    for (const char *at = data; size;) {
        ssize_t put = write(fd, at, size);
        if (put < 0 && errno != EINTR)
            return cli_fail_errno(error, "%s: cannot be written", path);
        at += put > 0 ? put : 0;
        size -= put > 0 ? (size_t)put : 0;
    }
    return SMALTI_OK;
}

static smalti_result write_file(const char *path, const set_shape *shape, uint64_t frame, smalti_error *error)
{
    cli_buffer out = {0};
    uint32_t row_bytes = shape->width * shape->channels * 2, noise = (uint32_t)frame;
    put_header(&out, shape, frame);
    uint64_t chunks = out.size + (uint64_t)shape->height * 8;
    for (uint32_t y = 0; y < shape->height; y++)
        put_u64(&out, chunks + y * (8 + (uint64_t)row_bytes));
    for (uint32_t y = 0; y < shape->height; y++) {
        put_u32(&out, y), put_u32(&out, row_bytes);
        for (uint32_t i = 0; i < row_bytes; i += 4)
            put_u32(&out, (noise = noise * 1664525 + 1013904223) & 0x3bff3bff); /* halfs from 0 to 1 */
    }
    smalti_result result = out.lost ? cli_fail(error, SMALTI_E_NOMEM, "%s: no memory", path) : SMALTI_OK;
    int fd = result < 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd >= 0) {
        result = write_all(fd, path, out.data, out.size, error);
        fsync(fd); /* so that its pages can be dropped */
        close(fd);
    } else if (result == SMALTI_OK) {
        result = cli_fail_errno(error, "%s: cannot be created", path);
    }
    cli_buffer_clear(&out);
    return result;
}

smalti_result bench_exr_make(const char *folder, const char *kind, uint64_t count, smalti_error *error)
{
    char path[4096];
    if (mkdir(folder, 0777) < 0 && errno != EEXIST)
        return cli_fail_errno(error, "%s: cannot make the folder", folder);
    for (uint64_t i = 0; i < count; i++) {
        const set_shape *shape =
            &shapes[i % 50 == 0 ? 2 : i % 10 == 0]; /* mixed: mostly small, some medium, few large */
        for (size_t k = 0; k < CLI_COUNT(shapes); k++)
            if (!strcmp(shapes[k].kind, kind))
                shape = &shapes[k];
        if (snprintf(path, sizeof path, "%s/%s.%06llu.exr", folder, kind, (unsigned long long)i + 1001) >=
            (int)sizeof path)
            return cli_fail(error, SMALTI_E_INVALID, "%s: the name is too long", folder);
        smalti_result result = write_file(path, shape, i, error);
        if (result < 0)
            return result;
    }
    return SMALTI_OK;
}
