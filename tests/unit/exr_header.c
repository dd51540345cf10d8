/* SPDX-License-Identifier: Apache-2.0
 * EXR headers: what is read from them, in whatever pieces they come, and what is refused. */
#include "test.h"

#include "exr/exr.h"
#include "exr_make.h"
#include "files.h"

static smalti_exr *reader;
static smalti_error error;

static const smalti_exr_header *open_memory(const make *m)
{
    if (!reader)
        CHECK_OK(smalti_exr_new(NULL, &reader, &error), error);
    CHECK_OK(smalti_exr_open_memory(reader, m->data, m->size, "a.exr", &error), error);
    return smalti_exr_header_get(reader);
}

/* The code that a file is refused with; its message is in error. */
static smalti_result refuse(const make *m)
{
    if (!reader)
        CHECK_OK(smalti_exr_new(NULL, &reader, &error), error);
    smalti_result result = smalti_exr_open_memory(reader, m->data, m->size, "a.exr", &error);
    CHECK(result < 0 && !smalti_exr_header_get(reader));
    CHECK_INT(error.code, result);
    CHECK_HAS(error.message, "a.exr: ");
    return result;
}

static smalti_result read_pieces(const smalti_exr *exr, uint64_t offset, void *data, size_t size, smalti_error *err)
{
    const make *m = exr->user;
    (void)err;
    if (size > m->size || offset > m->size - size)
        abort(); /* the reader asked for bytes that are not in the file */
    memcpy(data, m->data + offset, size);
    return SMALTI_OK;
}

static bool same_text(smalti_exr_text text, const char *expected)
{
    return text.size == strlen(expected) && !memcmp(text.data, expected, text.size);
}

TEST("a header of one part is read")
{
    make m;
    make_simple(&m, (make_part){.compression = 3, .channels = "A:h B:f:2 id:u", .window = {-4, 2, 15, 41}});
    const smalti_exr_header *header = open_memory(&m);
    const smalti_exr_part *part = header->parts;
    CHECK_INT(header->part_count, 1);
    CHECK_INT(header->header_bytes, m.header_end);
    CHECK_INT(header->tables_end, m.header_end + 3 * 8);
    CHECK_INT(part->kind, SMALTI_EXR_SCANLINE);
    CHECK_INT(part->compression, SMALTI_EXR_ZIP);
    CHECK_INT(part->chunk_count, 3);
    CHECK_INT(part->channel_count, 3);
    CHECK_STR(part->channels[1].name, "B");
    CHECK_INT(part->channels[0].sample, SMALTI_EXR_HALF);
    CHECK_INT(part->channels[1].sample, SMALTI_EXR_FLOAT);
    CHECK_INT(part->channels[2].sample, SMALTI_EXR_UINT);
    CHECK_INT(part->channels[1].x_sampling, 2);
    CHECK_INT(part->data_window.min_x, -4);
    CHECK_INT(part->data_window.max_y, 41);
    CHECK_INT(part->pixel_bytes, 20 * 40 * 2 + 10 * 20 * 4 + 20 * 40 * 4);
    CHECK(part->sorted && part->pixel_aspect == 1);
    make_free(&m);
}

static void views(make *m)
{
    make_float(m, "expTime", 0.5f);
}

TEST("a header of many parts is read")
{
    make m;
    make_begin(&m, 0x1000 | 0x800 | 0x400);
    make_add(&m, (make_part){.name = "rgb.left", .view = "left", .more = views});
    make_add(&m, (make_part){.name = "rgb.right", .view = "right", .kind = MAKE_TILED, .mode = 0x11, .compression = 4});
    make_add(&m, (make_part){.name = "deep", .kind = MAKE_DEEP_SCANLINE, .compression = 2, .channels = "A Z:f"});
    make_add(&m, (make_part){.name = "deep tiles", .kind = MAKE_DEEP_TILED, .channels = "Z:f"});
    make_finish(&m);
    const smalti_exr_header *header = open_memory(&m);
    CHECK_INT(header->part_count, 4);
    CHECK(same_text(header->parts[1].name, "rgb.right") && same_text(header->parts[1].view, "right"));
    CHECK_INT(header->parts[1].levels_x, 5);
    CHECK_INT(header->parts[2].max_samples, 3);
    CHECK_INT(header->parts[3].chunk_count, 4);
    CHECK_INT(header->parts[3].table_offset, make_table(&m, 3));
    CHECK_INT(header->parts[0].attribute_count, 13);
    const smalti_exr_attribute *time = smalti_exr_attribute_find(&header->parts[0], "expTime");
    double number = 0;
    CHECK(time && smalti_exr_attribute_numbers(time, &number, 1) == 1 && number == 0.5);
    CHECK(!smalti_exr_attribute_find(&header->parts[1], "expTime"));
    make_free(&m);
}

TEST("chunks of every layout are counted and walked in the order of the table")
{
    for (int kind = MAKE_SCANLINE; kind <= MAKE_DEEP_TILED; kind++)
        for (int compression = 0; compression < (kind >= MAKE_DEEP_SCANLINE ? 3 : 12); compression++)
            for (int mode = 0; mode < 6; mode++) {
                make m;
                make_simple(&m, (make_part){.kind = kind,
                                            .compression = compression,
                                            .window = {-3, 5, 29, 68},
                                            .mode = (uint32_t)(mode % 3 | mode / 3 << 4)});
                const smalti_exr_header *header = open_memory(&m);
                const smalti_exr_part *part = header->parts;
                CHECK_INT(part->chunk_count, m.chunks[0]);
                smalti__exr_chunk chunk;
                uint64_t count = 0;
                for (bool there = smalti__exr_chunk_first(&chunk, part); there;
                     there = smalti__exr_chunk_next(&chunk)) {
                    const uint8_t *at = m.data + smalti__le64(m.data + part->table_offset + 8 * count);
                    CHECK_INT(chunk.index, count++);
                    if (kind == MAKE_SCANLINE || kind == MAKE_DEEP_SCANLINE) {
                        CHECK_INT((int32_t)smalti__le32(at), chunk.y);
                    } else {
                        CHECK_INT(smalti__le32(at), chunk.tile_x);
                        CHECK_INT(smalti__le32(at + 4), chunk.tile_y);
                        CHECK_INT(smalti__le32(at + 8), chunk.level_x);
                        CHECK_INT(smalti__le32(at + 12), chunk.level_y);
                    }
                    if (!compression && kind < MAKE_DEEP_SCANLINE)
                        CHECK_INT(smalti__le32(at + (kind == MAKE_SCANLINE ? 4 : 16)), smalti__exr_chunk_bytes(&chunk));
                }
                CHECK_INT(count, m.chunks[0]);
                make_free(&m);
            }
}

static void many_types(make *m)
{
    static const char strings[] = "\3\0\0\0one\0\0\0\0\5\0\0\0three";
    make_attribute(m, "list", "stringvector", sizeof strings - 1);
    make_bytes(m, strings, sizeof strings - 1);
    make_attribute(m, "half", "rational", 8);
    make_u32(m, (uint32_t)-1), make_u32(m, 0xfffffffe);
    make_attribute(m, "at", "timecode", 8);
    make_u32(m, 0x12345678u & ~0x40u), make_u32(m, 7);
    make_attribute(m, "d", "v2d", 16);
    make_u64(m, 0x3ff8000000000000), make_u64(m, 0xc000000000000000);
    make_attribute(m, "f", "floatvector", 12);
    make_f32(m, 1), make_f32(m, 2), make_f32(m, -3);
    make_attribute(m, "mine", "studioThing", 3);
    make_bytes(m, "\0\1\2", 3);
    make_attribute(m, "raw", "bytes", 9);
    make_u32(m, 3), make_bytes(m, "hinxy", 5);
    make_string(m, "empty", "");
}

TEST("attributes have their values, whatever their type")
{
    make m;
    make_simple(&m, (make_part){.more = many_types});
    const smalti_exr_part *part = open_memory(&m)->parts;
    const smalti_exr_attribute *list = smalti_exr_attribute_find(part, "list");
    smalti_exr_text text;
    CHECK(list && list->type == SMALTI_EXR_TYPE_STRING_VECTOR);
    CHECK(smalti_exr_attribute_text(list, 0, &text) && same_text(text, "one"));
    CHECK(smalti_exr_attribute_text(list, 1, &text) && same_text(text, ""));
    CHECK(smalti_exr_attribute_text(list, 2, &text) && same_text(text, "three"));
    CHECK(!smalti_exr_attribute_text(list, 3, &text));
    double n[16];
    CHECK_INT(smalti_exr_attribute_numbers(smalti_exr_attribute_find(part, "half"), n, 16), 2);
    CHECK(n[0] == -1 && n[1] == 4294967294.0);
    CHECK_INT(smalti_exr_attribute_numbers(smalti_exr_attribute_find(part, "d"), n, 16), 2);
    CHECK(n[0] == 1.5 && n[1] == -2);
    CHECK_INT(smalti_exr_attribute_numbers(smalti_exr_attribute_find(part, "f"), n, 2), 3);
    CHECK(n[0] == 1 && n[1] == 2);
    smalti_exr_timecode time;
    CHECK(smalti_exr_attribute_timecode(smalti_exr_attribute_find(part, "at"), &time));
    CHECK(time.hours == 12 && time.minutes == 34 && time.seconds == 56 && time.frame == 38 && time.user_data == 7);
    CHECK(!time.drop_frame && !time.color_frame && !time.field_phase);
    const smalti_exr_attribute *mine = smalti_exr_attribute_find(part, "mine");
    CHECK(mine->type == SMALTI_EXR_TYPE_UNKNOWN && mine->size == 3 && mine->value[2] == 2);
    CHECK_STR(mine->type_name, "studioThing");
    CHECK(!memcmp(m.data + mine->value_offset, mine->value, 3));
    CHECK_INT(smalti_exr_attribute_numbers(mine, n, 16), 0);
    make_free(&m);
}

TEST("every type has its name and its size")
{
    uint32_t bytes;
    for (smalti_exr_type type = SMALTI_EXR_TYPE_INT; type <= SMALTI_EXR_TYPE_DEEP_IMAGE_STATE; type++) {
        const char *name = smalti_exr_type_name(type);
        CHECK_INT(smalti__exr_type_find(name, strlen(name), &bytes), type);
    }
    CHECK_INT(smalti__exr_type_find("box2", 4, &bytes), 0);
    CHECK_INT(smalti__exr_type_find("chromaticitiesx", 15, &bytes), 0);
    CHECK_INT(smalti__exr_type_find("v3d", 3, &bytes), SMALTI_EXR_TYPE_V3D);
    CHECK_INT(bytes, 24);
}

static void large(make *m)
{
    make_string(m, "short", "before");
    make_attribute(m, "preview", "preview", 8 + 40 * 30 * 4);
    make_u32(m, 40), make_u32(m, 30);
    make_bytes(m, NULL, 40 * 30 * 4);
    make_attribute(m, "manifest", "string", 200000);
    make_bytes(m, NULL, 199999);
    make_u8(m, '!');
    make_string(m, "after", "still read");
}

/* All that a header says, as a number that changes with it; values that may be passed over are left out. */
static uint64_t digest(const smalti_exr_header *header, bool values)
{
    uint64_t sum = header->header_bytes * 31 + header->tables_end;
    for (uint32_t p = 0; p < header->part_count; p++) {
        const smalti_exr_part *part = &header->parts[p];
        sum = sum * 31 + part->chunk_count + part->compression + part->preview_width;
        for (uint32_t i = 0; i < part->channel_count; i++)
            for (const char *c = part->channels[i].name; *c; c++)
                sum = sum * 31 + (uint8_t)*c;
        for (size_t i = 0; i < part->name.size; i++)
            sum = sum * 31 + (uint8_t)part->name.data[i];
        for (uint32_t i = 0; i < part->attribute_count; i++) {
            const smalti_exr_attribute *attribute = &part->attributes[i];
            for (const char *c = attribute->name; *c; c++)
                sum = sum * 31 + (uint8_t)*c;
            for (const char *c = attribute->type_name; *c; c++)
                sum = sum * 31 + (uint8_t)*c;
            sum = sum * 31 + attribute->value_offset + attribute->size;
            for (uint32_t b = 0; values && b < attribute->size && attribute->size <= 100; b++)
                sum = sum * 31 + attribute->value[b];
        }
    }
    return sum;
}

TEST("a header is the same in whatever pieces it is read")
{
    make m;
    smalti_exr *exr;
    make_begin(&m, 0x1000 | 0x400);
    make_add(
        &m, (make_part){.name = "a", .more = large, .channels = "B G R diffuse.with.quite.a.long.name.that.goes.on.R"});
    make_add(&m, (make_part){.name = "b", .more = many_types});
    make_finish(&m);
    uint64_t expected = digest(open_memory(&m), true);
    for (uint32_t page = 1; page <= 8192; page = page < 40 ? page + 1 : page * 2)
        for (uint32_t keep = 100; keep; keep = keep == 100 ? UINT32_MAX : 0) {
            CHECK_OK(smalti_exr_new(&(smalti_exr_options){.size = sizeof(smalti_exr_options), .keep_bytes = keep}, &exr,
                                    &error),
                     error);
            CHECK_OK(smalti__exr_open_with(exr, read_pieces, &m, m.size, page, "a.exr", &error), error);
            const smalti_exr_header *header = smalti_exr_header_get(exr);
            CHECK_INT(digest(header, true) == expected, 1);
            CHECK(keep == UINT32_MAX || page > 1024 || header->bytes_read < 8000);
            CHECK(keep != UINT32_MAX || header->bytes_read > 200000);
            const smalti_exr_attribute *manifest = smalti_exr_attribute_find(header->parts, "manifest");
            CHECK((manifest->value != NULL) == (keep == UINT32_MAX));
            char last = 0;
            CHECK_OK(smalti_exr_attribute_read(exr, manifest, 199999, &last, 1, &error), error);
            CHECK(last == '!');
            CHECK_INT(smalti_exr_attribute_read(exr, manifest, 199999, &last, 2, &error), SMALTI_E_INVALID_RANGE);
            smalti_exr_free(exr);
        }
    make_free(&m);
}

TEST("a file is read by one page, and large values are not read")
{
    make m;
    const char *path = file_path("large.exr");
    make_simple(&m, (make_part){.more = large});
    CHECK(file_write(path, m.data, m.size));
    if (!reader)
        CHECK_OK(smalti_exr_new(NULL, &reader, &error), error);
    CHECK_OK(smalti_exr_open(reader, path, &error), error);
    const smalti_exr_header *header = smalti_exr_header_get(reader);
    CHECK_INT(header->reads, 3); /* one more behind each of the large values */
    CHECK(header->bytes_read <= 3 * 4096);
    CHECK_INT(header->parts[0].preview_width, 40);
    smalti_exr_text text;
    CHECK(smalti_exr_attribute_text(smalti_exr_attribute_find(header->parts, "after"), 0, &text));
    CHECK(same_text(text, "still read"));
    int fd = open(path, O_RDONLY);
    CHECK_OK(smalti_exr_open_fd(reader, fd, "b.exr", &error), error);
    CHECK_INT(lseek(fd, 0, SEEK_CUR), 0);
    CHECK(!close(fd));
    make_free(&m);
    make_simple(&m, (make_part){0});
    CHECK(file_write(path, m.data, m.size));
    CHECK_OK(smalti_exr_open(reader, path, &error), error);
    CHECK_INT(smalti_exr_header_get(reader)->reads, 1);
    make_free(&m);
}

TEST("a reader that is used again takes no more memory")
{
    make m, many;
    smalti_exr *exr;
    make_simple(&m, (make_part){.more = many_types});
    make_begin(&many, 0x1000);
    for (int i = 0; i < 10; i++)
        make_add(&many,
                 (make_part){.name = (const char *const[]){"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}[i]});
    make_finish(&many);
    CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
    uint64_t held = 0;
    for (int i = 0; i < 100; i++) {
        const make *file = i % 2 ? &m : &many;
        CHECK_OK(smalti__exr_open_with(exr, read_pieces, (void *)file, file->size, 512, "a.exr", &error), error);
        if (i == 1)
            held = exr->held_bytes;
        CHECK(i < 2 || exr->held_bytes == held);
    }
    smalti_exr_free(exr);
    make_free(&m);
    make_free(&many);
}

/* ---- What is refused ---- */

TEST("a file that ends early is refused wherever it ends")
{
    make m;
    make_begin(&m, 0x1000);
    make_add(&m, (make_part){.name = "a", .more = many_types});
    make_add(&m, (make_part){.name = "b", .kind = MAKE_TILED});
    make_finish(&m);
    size_t tables_end = open_memory(&m)->tables_end;
    for (size_t size = 0; size < tables_end; size++) {
        uint8_t *copy = malloc(size + 1);
        make cut = {.data = memcpy(copy, m.data, size), .size = size};
        smalti_result result = refuse(&cut);
        CHECK_INT(result, size && size < 4 ? SMALTI_E_FORMAT_UNKNOWN : SMALTI_E_FORMAT_TRUNCATED);
        free(copy);
    }
    make_free(&m);
}

/* Puts bytes over those of a good file at the first place where some text stands, and adds distance. */
static void patch(make *m, const char *text, size_t distance, const void *bytes, size_t size)
{
    uint8_t *at = memmem(m->data, m->size, text, strlen(text) + 1);
    CHECK(at != NULL);
    memcpy(at + distance, bytes, size);
}

#define REFUSED(part, code, part_of_message, text, distance, ...)                                     \
    do {                                                                                              \
        make m_;                                                                                      \
        make_simple(&m_, (make_part){part});                                                          \
        patch(&m_, text, distance, (const uint8_t[]){__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})); \
        CHECK_INT(refuse(&m_), code);                                                                 \
        CHECK_HAS(error.message, part_of_message);                                                    \
        make_free(&m_);                                                                               \
    } while (0)

TEST("values that are not possible are refused")
{
    int format = SMALTI_E_FORMAT, scan = MAKE_SCANLINE, tiled = MAKE_TILED, deep = MAKE_DEEP_SCANLINE;
    /* values stand behind name, type and size */
    REFUSED(.kind = scan, SMALTI_E_UNSUPPORTED, "compression 12", "compression", 28, 12);
    REFUSED(.kind = scan, format, "line order 3", "lineOrder", 24, 3);
    REFUSED(.kind = scan, format, "dataWindow (100", "dataWindow", 21, 100);
    REFUSED(.kind = scan, format, "displayWindow", "displayWindow", 24 + 12, 0xff, 0xff, 0xff, 0x3f);
    REFUSED(.kind = scan, format, "pixel aspect ratio of 0", "pixelAspectRatio", 27, 0, 0, 0, 0);
    REFUSED(.kind = scan, format, "pixel aspect ratio of nan", "pixelAspectRatio", 27, 0, 0, 0xc0, 0x7f);
    REFUSED(.kind = scan, format, "screen window width of -1", "screenWindowWidth", 28, 0, 0, 0x80, 0xbf);
    REFUSED(.kind = scan, format, "'dataWindow' has 15 bytes", "dataWindow", 17, 15);
    REFUSED(.kind = scan, format, "size below 0", "dataWindow", 17, 0, 0, 0, 0x80);
    REFUSED(.kind = scan, SMALTI_E_FORMAT_TRUNCATED, "more than the file", "dataWindow", 17, 0, 0, 0, 0x70);
    REFUSED(.kind = scan, format, "not of type box2i", "dataWindow", 11, 'B');
    REFUSED(.kind = scan, format, "'dataWindow' is missing", "dataWindow", 0, 'D');
    REFUSED(.kind = scan, format, "'compression' is missing", "compression", 0, 'D');
    REFUSED(.kind = tiled, format, "'tiles' is missing", "tiles", 0, 'D');
    REFUSED(.kind = tiled, format, "tiles of 0x8", "tiles", 19, 0);
    REFUSED(.kind = tiled, format, "tiles of 8x", "tiles", 23, 0, 0, 0, 0x40);
    REFUSED(.kind = tiled, format, "tile mode 3", "tiles", 27, 3);
    REFUSED(.kind = tiled, format, "tile mode 33", "tiles", 27, 33);
    REFUSED(.kind = deep, format, "'version' is missing", "version", 0, 'D');
    REFUSED(.kind = deep, SMALTI_E_UNSUPPORTED, "version 2 of deep data", "version", 16, 2);
    REFUSED(.kind = deep, format, "cannot have the compression zip", "compression", 28, 3);
    REFUSED(.kind = deep, format, "the chunk count is 13", "chunkCount", 19, 13);
    REFUSED(.kind = deep, format, "a chunk count of -1", "chunkCount", 19, 0xff, 0xff, 0xff, 0xff);
    REFUSED(.kind = deep, format, "'type' is missing", "type", 0, 'D');
    REFUSED(.kind = deep, format, "-2 samples", "maxSamplesPerPixel", 27, 0xfe, 0xff, 0xff, 0xff);
}

TEST("channel lists that are not possible are refused")
{
    int format = SMALTI_E_FORMAT, scan = MAKE_SCANLINE;
    /* the list begins 20 bytes behind the name of the attribute: B, G, R of 18 bytes each, and the end */
    REFUSED(.kind = scan, format, "unknown type at byte 28", "channels", 20 + 2, 3);
    REFUSED(.kind = scan, format, "sampling below 1", "channels", 20 + 10, 0);
    REFUSED(.kind = scan, format, "sampling below 1", "channels", 20 + 14, 0, 0, 0, 0x80);
    REFUSED(.kind = scan, format, "a channel twice at byte 46", "channels", 20 + 18, 'B');
    REFUSED(.kind = scan, format, "is empty", "channels", 16, 1, 0, 0, 0, 0);
    REFUSED(.kind = scan, format, "is shorter", "channels", 20 + 36, 0);
    REFUSED(.kind = scan, format, "ends in the middle", "channels", 20 + 37, 'x');
    REFUSED(.kind = scan, format, "does not fit the sampling 5x1", "channels", 20 + 10, 5);
    REFUSED(.kind = MAKE_TILED, format, "subsampled", "channels", 20 + 10, 2);
    REFUSED(.kind = MAKE_DEEP_SCANLINE, format, "subsampled", "channels", 20 + 10, 2);
}

static void twice(make *m)
{
    make_float(m, "pixelAspectRatio", 1);
}

static void bad_preview(make *m)
{
    make_attribute(m, "preview", "preview", 8);
    make_u32(m, 0x40000000), make_u32(m, 16); /* 0 in 32 bits */
}

static void bad_strings(make *m)
{
    make_attribute(m, "multiView", "stringvector", 8);
    make_u32(m, 0xfffffffc), make_u32(m, 0);
}

static void long_name(make *m)
{
    make_int(m, "a.name.of.thirty.two.bytes.is.32", 1);
}

TEST("attributes that are not possible are refused")
{
    const struct {
        void (*more)(make *m);
        const char *message;
    } cases[] = {{twice, "'pixelAspectRatio' is there twice"},
                 {bad_preview, "a preview of 1073741824x16"},
                 {bad_strings, "'multiView' does not fit"},
                 {long_name, "longer than 31 bytes"}};
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        make m;
        make_simple(&m, (make_part){.more = cases[i].more});
        CHECK_INT(refuse(&m), SMALTI_E_FORMAT);
        CHECK_HAS(error.message, cases[i].message);
        CHECK(error.offset < m.size);
        make_free(&m);
    }
    make m; /* what is too long for a short name is fine as a long one */
    make_begin(&m, 0x400);
    make_add(&m, (make_part){.more = long_name});
    make_finish(&m);
    CHECK(smalti_exr_attribute_find(open_memory(&m)->parts, "a.name.of.thirty.two.bytes.is.32") != NULL);
    make_free(&m);
}

TEST("flags, versions and parts that are not possible are refused")
{
    make m;
    make_simple(&m, (make_part){0});
    m.data[4] = 3;
    CHECK_INT(refuse(&m), SMALTI_E_UNSUPPORTED);
    m.data[4] = 2, m.data[5] = 0x20;
    CHECK_INT(refuse(&m), SMALTI_E_UNSUPPORTED);
    m.data[5] = 0x0a;
    CHECK_INT(refuse(&m), SMALTI_E_FORMAT);
    CHECK_HAS(error.message, "exclude each other");
    m.data[5] = 0, m.data[0] = 0;
    CHECK_INT(refuse(&m), SMALTI_E_FORMAT_UNKNOWN);
    make_free(&m);

    make_begin(&m, 0x1000);
    make_add(&m, (make_part){.name = "one"});
    make_add(&m, (make_part){.name = "one"});
    make_finish(&m);
    CHECK_INT(refuse(&m), SMALTI_E_FORMAT);
    CHECK_HAS(error.message, "parts 0 and 1 have the same name");
    make_free(&m);

    make_begin(&m, 0x1000); /* deep data without its flag */
    make_add(&m, (make_part){.name = "one", .kind = MAKE_DEEP_SCANLINE});
    make_finish(&m);
    CHECK_INT(refuse(&m), SMALTI_E_FORMAT);
    make_free(&m);
}

TEST("a table that the file has no room for is refused before memory is taken")
{
    make m;
    make_simple(&m, (make_part){.kind = MAKE_TILED, .mode = 2, .tile = 1});
    const uint8_t huge[] = {0xfe, 0xff, 0xff, 0x3f}; /* a window of 2³⁰ × 2³⁰, a ripmap of tiles of one pixel */
    patch(&m, "dataWindow", 21 + 8, huge, 4);
    patch(&m, "dataWindow", 21 + 12, huge, 4);
    CHECK_INT(refuse(&m), SMALTI_E_FORMAT_TRUNCATED);
    CHECK_HAS(error.message, "too short for a table of");
    make_free(&m);
}

TEST("limits hold")
{
    make m;
    smalti_exr *exr;
    make_begin(&m, 0x1000);
    make_add(&m, (make_part){.name = "a"});
    make_add(&m, (make_part){.name = "b", .more = large});
    make_finish(&m);
    const smalti_exr_options limits[] = {
        {.size = sizeof(smalti_exr_options), .max_parts = 1},
        {.size = sizeof(smalti_exr_options), .max_channels = 5},
        {.size = sizeof(smalti_exr_options), .max_attributes = 20},
        {.size = sizeof(smalti_exr_options), .max_bytes = 20000, .keep_bytes = UINT32_MAX},
    };
    for (size_t i = 0; i < SMALTI__COUNT(limits); i++) {
        CHECK_OK(smalti_exr_new(&limits[i], &exr, &error), error);
        CHECK_INT(smalti__exr_open_with(exr, read_pieces, &m, m.size, 4096, "a.exr", &error), SMALTI_E_LIMIT);
        CHECK_HAS(error.message, "limit");
        smalti_exr_free(exr);
    }
    make_free(&m);
}

TEST("what is not a file is refused")
{
    if (!reader)
        CHECK_OK(smalti_exr_new(NULL, &reader, &error), error);
    CHECK_INT(smalti_exr_open(reader, "/dev/null", &error), SMALTI_E_INVALID);
    CHECK_INT(smalti_exr_open(reader, file_path("missing.exr"), &error), SMALTI_E_IO);
    CHECK_INT(error.sys_errno, 2);
    const char *fifo = file_path("fifo");
    CHECK(!mkfifo(fifo, 0666));
    CHECK_INT(smalti_exr_open(reader, fifo, &error), SMALTI_E_INVALID); /* does not wait for a writer */
    CHECK(file_write(file_path("empty.exr"), "", 0));
    CHECK_INT(smalti_exr_open(reader, file_path("empty.exr"), &error), SMALTI_E_FORMAT_TRUNCATED);
    CHECK_HAS(error.message, "the file is empty");
}
