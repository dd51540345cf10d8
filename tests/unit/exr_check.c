/* SPDX-License-Identifier: Apache-2.0
 * The structural check of EXR files finds every truncation and every wrong chunk; repair gives the tables back. */
#include "test.h"

#include "exr/exr.h"
#include "exr_make.h"
#include "files.h"

static smalti_exr *reader;
static smalti_error error;

static smalti_exr_check check_file(const make *m)
{
    smalti_exr_check check;
    if (!reader)
        CHECK_OK(smalti_exr_new(NULL, &reader, &error), error);
    CHECK_OK(smalti_exr_open_memory(reader, m->data, m->size, "a.exr", &error), error);
    CHECK_OK(smalti_exr_check_structure(reader, &check, &error), error);
    CHECK_INT(check.good + check.missing + check.beyond + check.misplaced + check.mislabelled + check.impossible +
                  check.overlapping,
              check.chunks);
    CHECK((check.verdict == SMALTI_EXR_GOOD) == (check.good == check.chunks));
    CHECK((check.verdict == SMALTI_EXR_GOOD) == !*check.fault);
    CHECK((check.verdict == SMALTI_EXR_GOOD) == (check.fault_offset == SMALTI_NO_OFFSET));
    return check;
}

/* A file of four parts of all kinds, whose chunks stand one part after the other. */
static void make_parts(make *m)
{
    make_begin(m, 0x1000 | 0x800);
    make_add(m, (make_part){.name = "scan", .compression = 3, .window = {0, 0, 40, 50}});
    make_add(m,
             (make_part){.name = "tiles", .kind = MAKE_TILED, .mode = 2, .compression = 4, .window = {3, -7, 40, 50}});
    make_add(m, (make_part){.name = "deep", .kind = MAKE_DEEP_SCANLINE, .compression = 2});
    make_add(m, (make_part){.name = "deep tiles", .kind = MAKE_DEEP_TILED});
    make_finish(m);
}

static uint64_t entry(const make *m, int part, uint64_t index)
{
    return smalti__le64(m->data + make_table(m, part) + index * 8);
}

static void set_entry(make *m, int part, uint64_t index, uint64_t value)
{
    make_put_u64(m, make_table(m, part) + index * 8, value);
}

TEST("files of every kind are good")
{
    for (int kind = MAKE_SCANLINE; kind <= MAKE_DEEP_TILED; kind++)
        for (int compression = 0; compression < (kind >= MAKE_DEEP_SCANLINE ? 3 : 12); compression++)
            for (uint32_t mode = 0; mode < 6; mode++) {
                make m;
                make_simple(&m, (make_part){.kind = kind,
                                            .compression = compression,
                                            .window = {-5, 9, 60, 310},
                                            .mode = mode % 3 | mode / 3 << 4});
                smalti_exr_check check = check_file(&m);
                CHECK_INT(check.verdict, SMALTI_EXR_GOOD);
                CHECK_INT(check.chunks, m.chunks[0]);
                CHECK_INT(check.end, m.size);
                CHECK_INT(check.unused_bytes, 0);
                make_free(&m);
            }
    make m;
    make_parts(&m);
    CHECK_INT(check_file(&m).verdict, SMALTI_EXR_GOOD);
    make_free(&m);
    make_simple(&m, (make_part){.channels = "BY:h:2 RY:h:2 Y", .window = {0, 0, 63, 63}});
    CHECK_INT(check_file(&m).verdict, SMALTI_EXR_GOOD);
    make_free(&m);
}

TEST("every truncation is found")
{
    for (int kind = 0; kind < 5; kind++) {
        make m;
        if (kind < 4)
            make_simple(&m, (make_part){.kind = kind, .compression = kind % 2, .mode = 1});
        else
            make_parts(&m);
        size_t whole = m.size, tables_end = make_table(&m, m.part_count - 1) + m.chunks[m.part_count - 1] * 8;
        for (m.size = tables_end; m.size < whole; m.size++) {
            smalti_exr_check check = check_file(&m);
            CHECK_INT(check.verdict, SMALTI_EXR_TRUNCATED);
            CHECK(check.beyond > 0 && check.good < check.chunks);
        }
        m.size = whole;
        make_free(&m);
    }
}

TEST("bytes that belong to no chunk are counted and do no harm")
{
    make m;
    make_begin(&m, 0);
    m.gap = 100;
    make_add(&m, (make_part){.compression = 3});
    make_finish(&m);
    make_bytes(&m, NULL, 23);
    smalti_exr_check check = check_file(&m);
    CHECK_INT(check.verdict, SMALTI_EXR_GOOD);
    CHECK_INT(check.unused_bytes, 123);
    CHECK_INT(check.end, m.size - 23);
    make_free(&m);
}

TEST("every wrong entry of a table is found")
{
    make m;
    make_parts(&m);
    for (int part = 0; part < 4; part++)
        for (uint64_t i = 0; i < m.chunks[part]; i++) {
            uint64_t right = entry(&m, part, i), other = entry(&m, part, i ? i - 1 : 1);
            set_entry(&m, part, i, 0);
            smalti_exr_check check = check_file(&m);
            CHECK_INT(check.verdict, SMALTI_EXR_UNFINISHED);
            CHECK_INT(check.missing, 1);
            CHECK_INT(check.fault_offset, make_table(&m, part) + i * 8);
            set_entry(&m, part, i, 16);
            check = check_file(&m);
            CHECK_INT(check.misplaced, 1);
            CHECK_INT(check.verdict, SMALTI_EXR_DAMAGED);
            set_entry(&m, part, i, UINT64_MAX - 5);
            CHECK_INT(check_file(&m).beyond, 1);
            set_entry(&m, part, i, m.size);
            CHECK_INT(check_file(&m).beyond, 1);
            set_entry(&m, part, i, other);
            check = check_file(&m);
            CHECK_INT(check.mislabelled, 1);
            CHECK_INT(check.verdict, SMALTI_EXR_DAMAGED);
            set_entry(&m, part, i, right);
        }
    CHECK_INT(check_file(&m).verdict, SMALTI_EXR_GOOD);
    make_free(&m);
}

TEST("every damaged head of a chunk is found")
{
    make m;
    make_parts(&m);
    for (int part = 0; part < 4; part++) {
        /* part number, coordinates: any change is seen */
        size_t bytes = part == 0 || part == 2 ? 8 : 20;
        for (uint64_t i = 0; i < m.chunks[part]; i++)
            for (size_t b = 0; b < bytes; b++) {
                m.data[entry(&m, part, i) + b] ^= 0x81;
                smalti_exr_check check = check_file(&m);
                CHECK_INT(check.verdict, SMALTI_EXR_DAMAGED);
                CHECK_INT(check.mislabelled, 1);
                m.data[entry(&m, part, i) + b] ^= 0x81;
            }
        /* the highest byte of a size */
        size_t size = bytes + (part < 2 ? 3 : 7);
        for (uint64_t i = 0; i < m.chunks[part]; i++) {
            m.data[entry(&m, part, i) + size] = 0x7f;
            CHECK_INT(check_file(&m).impossible, 1);
            m.data[entry(&m, part, i) + size] = 0;
        }
    }
    make_free(&m);
}

TEST("chunks that overlap are found")
{
    make m, again;
    make_begin(&m, 0x1000);
    make_add(&m, (make_part){.name = "a", .compression = 3, .window = {0, 0, 30, 60}});
    make_add(&m, (make_part){.name = "b", .compression = 3, .window = {0, 0, 30, 60}});
    make_finish(&m);
    /* the second chunk's head is put into the first's pixels, and the table made to say so */
    again = m;
    again.data = malloc(m.size);
    memcpy(again.data, m.data, m.size);
    uint64_t inside = entry(&m, 0, 0) + 30;
    memcpy(again.data + inside, m.data + entry(&m, 0, 1), 12);
    set_entry(&again, 0, 1, inside);
    smalti_exr_check check = check_file(&again);
    CHECK_INT(check.verdict, SMALTI_EXR_DAMAGED);
    CHECK_INT(check.overlapping, 1);
    make_free(&again);
    make_free(&m);
}

TEST("chunks may stand in any order")
{
    make m;
    make_simple(&m, (make_part){.kind = MAKE_TILED, .compression = 2, .line_order = 2, .window = {0, 0, 63, 63}});
    /* all chunks of another order behind the first ones: the first copies are unused */
    size_t first = make_table(&m, 0) + m.chunks[0] * 8, chunks = m.size - first;
    make_bytes(&m, NULL, chunks * 2);
    memcpy(m.data + first + chunks, m.data + first, chunks);
    memcpy(m.data + first + 2 * chunks, m.data + first, chunks);
    for (uint64_t i = 0; i < m.chunks[0]; i++)
        set_entry(&m, 0, i, entry(&m, 0, i) + i * 7 % 3 * chunks);
    smalti_exr_check check = check_file(&m);
    CHECK_INT(check.verdict, SMALTI_EXR_GOOD);
    CHECK_INT(check.unused_bytes, 2 * chunks);
    make_free(&m);
}

TEST("a check reads little of a file")
{
    make m;
    const char *path = file_path("check.exr");
    make_simple(&m, (make_part){.compression = 3, .window = {0, 0, 999, 999}, .channels = "A:f B:f C:f D:f"});
    CHECK(file_write(path, m.data, m.size));
    CHECK_OK(smalti_exr_open(reader, path, &error), error);
    smalti_exr_check check;
    CHECK_OK(smalti_exr_check_structure(reader, &check, &error), error);
    CHECK_INT(check.good, 63);
    make_free(&m);
}

/* ---- Repair ---- */

/* Repairs a file that lost entries of its tables, and compares all with the original. */
static void repair(make *m, const uint8_t *original, uint64_t found)
{
    smalti_exr_repair result;
    const char *path = file_path("repaired.exr");
    unlink(path);
    CHECK_OK(smalti_exr_open_memory(reader, m->data, m->size, "a.exr", &error), error);
    CHECK_OK(smalti_exr_repair_file(reader, path, false, &result, &error), error);
    CHECK_INT(result.found, found);
    CHECK_INT(result.missing, 0);
    CHECK_INT(result.bytes, m->size);
    size_t size;
    uint8_t *data = file_read(path, &size);
    CHECK(data && size == m->size && !memcmp(data, original, size));
    free(data);
    CHECK_INT(smalti_exr_repair_file(reader, path, false, &result, &error), SMALTI_E_INVALID_CONFLICT);
    CHECK_OK(smalti_exr_repair_file(reader, path, true, &result, &error), error);
}

TEST("tables are rebuilt from the chunks")
{
    for (int kind = 0; kind < 5; kind++) {
        make m;
        if (kind < 4)
            make_simple(&m, (make_part){.kind = kind, .compression = kind % 2, .mode = 0x11, .window = {1, 2, 40, 50}});
        else
            make_parts(&m);
        uint8_t *original = malloc(m.size);
        memcpy(original, m.data, m.size);
        uint64_t chunks = 0;
        for (int i = 0; i < m.part_count; i++)
            chunks += m.chunks[i];
        memset(m.data + m.header_end, 0, chunks * 8);
        repair(&m, original, chunks);
        memcpy(m.data, original, m.size);
        memset(m.data + m.header_end + 8, 0xee, 8);
        set_entry(&m, 0, 3, 0);
        repair(&m, original, 2);
        free(original);
        make_free(&m);
    }
}

TEST("what a truncated file still has is saved")
{
    make m;
    smalti_exr_repair result;
    const char *path = file_path("saved.exr");
    make_simple(&m, (make_part){.compression = 2});
    uint64_t cut = entry(&m, 0, 5) + 10;
    memset(m.data + m.header_end, 0, m.chunks[0] * 8);
    m.size = cut;
    CHECK_OK(smalti_exr_open_memory(reader, m.data, m.size, "a.exr", &error), error);
    CHECK_OK(smalti_exr_repair_file(reader, path, false, &result, &error), error);
    CHECK_INT(result.found, 5);
    CHECK_INT(result.missing, 7);
    CHECK_INT(result.bytes, cut - 10);
    smalti_exr_check check;
    CHECK_OK(smalti_exr_open(reader, path, &error), error);
    CHECK_OK(smalti_exr_check_structure(reader, &check, &error), error);
    CHECK_INT(check.verdict, SMALTI_EXR_UNFINISHED);
    CHECK_INT(check.good, 5);
    make_free(&m);
}

TEST("a file without chunks cannot be repaired, and leaves no output")
{
    make m;
    smalti_exr_repair result = {.chunks = 99};
    const char *path = file_path("none.exr");
    make_simple(&m, (make_part){.compression = 2});
    size_t tables_end = m.header_end + m.chunks[0] * 8;
    memset(m.data + m.header_end, 0, m.size - m.header_end);
    memset(m.data + tables_end, 0xff, m.size - tables_end);
    CHECK_OK(smalti_exr_open_memory(reader, m.data, m.size, "a.exr", &error), error);
    CHECK_INT(smalti_exr_repair_file(reader, path, false, &result, &error), SMALTI_E_FORMAT);
    CHECK_INT(result.chunks, 99);
    CHECK(access(path, F_OK) < 0);
    make_free(&m);
}

TEST("more chunks than a reader may hold are refused")
{
    make m;
    smalti_exr *small;
    smalti_exr_check check;
    make_simple(&m, (make_part){.kind = MAKE_TILED, .tile = 1, .window = {0, 0, 99, 99}, .channels = "Y"});
    CHECK_OK(
        smalti_exr_new(&(smalti_exr_options){.size = sizeof(smalti_exr_options), .max_bytes = 100000}, &small, &error),
        error);
    CHECK_OK(smalti_exr_open_memory(small, m.data, m.size, "a.exr", &error), error);
    CHECK_INT(smalti_exr_check_structure(small, &check, &error), SMALTI_E_LIMIT);
    smalti_exr_free(small);
    make_free(&m);
}
