/* SPDX-License-Identifier: Apache-2.0
 * zlib6 FILE.png...: how well PNG files are compressed. Inflates the image data of each and deflates the same bytes, filters
 * and all, with zlib at level 6. Prints the bytes of image data in the files, and what zlib makes of them with its default
 * strategy or with the one for filtered data, the smaller. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct bytes {
    uint8_t *data;
    size_t size;
};

static struct bytes read_file(const char *path)
{
    struct bytes file = {0};
    FILE *in = fopen(path, "rb");
    long size = -1;
    if (in && !fseek(in, 0, SEEK_END) && (size = ftell(in)) > 0 && !fseek(in, 0, SEEK_SET)) {
        file.data = malloc((size_t)size);
        if (file.data)
            file.size = fread(file.data, 1, (size_t)size, in);
    }
    if (in)
        fclose(in);
    return file;
}

/* Moves the contents of all IDAT chunks to the front of the file's bytes; returns how many bytes they are. */
static size_t gather_idat(struct bytes file)
{
    size_t used = 0;
    for (size_t at = 8; file.size >= 12 && at <= file.size - 12;) {
        const uint8_t *chunk = file.data + at;
        size_t size = (size_t)chunk[0] << 24 | (size_t)chunk[1] << 16 | (size_t)chunk[2] << 8 | chunk[3];
        if (size > file.size - at - 12)
            break;
        at += size + 12;
        if (!memcmp(chunk + 4, "IDAT", 4)) {
            memmove(file.data + used, chunk + 8, size);
            used += size;
        }
    }
    return used;
}

static struct bytes inflate_all(const uint8_t *data, size_t size)
{
    struct bytes out = {0};
    z_stream stream = {.next_in = (Bytef *)data, .avail_in = (uInt)size};
    if (inflateInit(&stream) != Z_OK)
        return out;
    int result = Z_OK;
    for (size_t capacity = 1 << 20; result == Z_OK; capacity *= 2) {
        uint8_t *larger = realloc(out.data, capacity);
        if (!larger)
            break;
        out.data = larger;
        stream.next_out = out.data + out.size;
        stream.avail_out = (uInt)(capacity - out.size);
        result = inflate(&stream, Z_NO_FLUSH);
        out.size = stream.total_out;
    }
    inflateEnd(&stream);
    if (result != Z_STREAM_END)
        out.size = 0;
    return out;
}

static size_t deflated_size(struct bytes bytes, int strategy)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, 6, Z_DEFLATED, 15, 8, strategy) != Z_OK)
        return SIZE_MAX;
    size_t bound = deflateBound(&stream, bytes.size), size = SIZE_MAX;
    uint8_t *out = malloc(bound);
    stream.next_in = bytes.data;
    stream.avail_in = (uInt)bytes.size;
    stream.next_out = out;
    stream.avail_out = (uInt)bound;
    if (out && deflate(&stream, Z_FINISH) == Z_STREAM_END)
        size = stream.total_out;
    deflateEnd(&stream);
    free(out);
    return size;
}

int main(int argc, char **argv)
{
    size_t ours = 0, theirs = 0;
    for (int i = 1; i < argc; i++) {
        struct bytes file = read_file(argv[i]);
        size_t size = gather_idat(file);
        struct bytes filtered = inflate_all(file.data, size);
        free(file.data);
        if (!size || !filtered.size) {
            fprintf(stderr, "zlib6: %s: not a PNG file that can be inflated\n", argv[i]);
            return 1;
        }
        size_t plain = deflated_size(filtered, Z_DEFAULT_STRATEGY), tuned = deflated_size(filtered, Z_FILTERED);
        free(filtered.data);
        ours += size;
        theirs += plain < tuned ? plain : tuned;
    }
    printf("%zu %zu\n", ours, theirs);
    return 0;
}
