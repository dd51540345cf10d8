/* SPDX-License-Identifier: Apache-2.0
 * Repair: a file whose offset tables are 0 or wrong, because its writer died or the disk was full, gets new ones from the
 * heads of the chunks, which say what they are. */
#include "exr/exr.h"

#include "sink/sink.h"

enum { COPY_BYTES = 1 << 20 };

/* Index of a part's first chunk among all. */
static uint64_t first_chunk(const smalti_exr_header *header, uint32_t part)
{
    uint64_t first = 0;
    for (uint32_t i = 0; i < part; i++)
        first += header->parts[i].chunk_count;
    return first;
}

/* A chunk at position: which, and where it ends. false: there is none. */
static bool chunk_at(const smalti_exr *exr, uint64_t position, uint64_t *index, uint64_t *end)
{
    const smalti_exr_header *header = &exr->header;
    uint8_t bytes[SMALTI__EXR_HEAD_MOST];
    uint64_t left = header->file_bytes - position, stored;
    size_t size = left < sizeof bytes ? left : sizeof bytes;
    uint32_t number = 0;
    smalti__exr_head head;
    smalti__exr_chunk chunk;
    if (size < 4 || smalti__exr_read_at(exr, position, bytes, size, NULL) < 0)
        return false;
    if (header->flags & SMALTI_EXR_FLAG_MULTI_PART)
        number = smalti__le32(bytes);
    if (number >= header->part_count || header->parts[number].kind == SMALTI_EXR_OTHER ||
        size < smalti__exr_head_bytes(exr, &header->parts[number]))
        return false;
    smalti__exr_head_read(exr, &header->parts[number], bytes, &head);
    if (!smalti__exr_chunk_find(&chunk, &header->parts[number], head.coordinates) ||
        !smalti__exr_head_fits(&head, &chunk, &stored) || stored > left - head.bytes)
        return false;
    *index = first_chunk(header, number) + chunk.index;
    *end = position + head.bytes + stored;
    return true;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Walks the chunks from the tables on. Where there is none it goes on at the next place that a table named rightly; what
 * looks like a chunk and reaches beyond that place is none. */
static void walk(const smalti_exr *exr, uint64_t *known, uint64_t known_count, smalti_exr_repair *repair)
{
    uint64_t position = exr->header.tables_end, index, end, next = 0;
    while (position < exr->header.file_bytes) {
        while (next < known_count && known[next] <= position)
            next++;
        bool there = chunk_at(exr, position, &index, &end), listed = there && exr->extents[index].begin;
        if (there && !listed && (next == known_count || end <= known[next])) {
            exr->extents[index] = (smalti__exr_extent){.begin = position, .end = end};
            repair->found++;
            listed = true;
        }
        if (!listed && next == known_count)
            return;
        position = listed ? end : known[next];
    }
}

static smalti_result find_chunks(smalti_exr *exr, smalti_exr_repair *repair, smalti_error *error)
{
    smalti_exr_check check;
    SMALTI__TRY(smalti__exr_check(exr, UINT64_MAX, &check, error));
    *repair = (smalti_exr_repair){.chunks = check.chunks, .kept = check.good + check.overlapping};
    SMALTI__CLEANUP_FREE uint64_t *known = malloc((check.chunks + 1) * sizeof *known);
    uint64_t count = 0;
    if (!known)
        return smalti__fail_nomem(error, check.chunks * sizeof *known);
    for (uint64_t i = 0; i < check.chunks; i++)
        if (exr->extents[i].begin)
            known[count++] = exr->extents[i].begin;
    qsort(known, count, sizeof *known, by_number);
    walk(exr, known, count, repair);
    repair->missing = repair->chunks - repair->kept - repair->found;
    if (!repair->kept && !repair->found)
        return smalti__exr_fail(exr, error, SMALTI_E_FORMAT, exr->header.tables_end, "there are no chunks");
    return SMALTI_OK;
}

/* ---- Writing ---- */

static smalti_result copy_range(const smalti_exr *exr, smalti__sink *sink, uint64_t from, uint64_t to,
                                smalti_error *error)
{
    SMALTI__CLEANUP_FREE uint8_t *block = malloc(COPY_BYTES);
    if (!block)
        return smalti__fail_nomem(error, COPY_BYTES);
    while (from < to) {
        size_t size = to - from < COPY_BYTES ? to - from : COPY_BYTES;
        SMALTI__TRY(smalti__exr_read_at(exr, from, block, size, error));
        SMALTI__TRY(smalti__sink_write(sink, block, size, error));
        from += size;
    }
    return SMALTI_OK;
}

static smalti_result write_tables(const smalti_exr *exr, smalti__sink *sink, uint64_t chunks, smalti_error *error)
{
    uint8_t block[512 * 8];
    for (uint64_t i = 0; i < chunks;) {
        size_t count = chunks - i < 512 ? chunks - i : 512;
        for (size_t k = 0; k < count; k++)
            smalti__put_le64(block + k * 8, exr->extents[i + k].begin);
        SMALTI__TRY(smalti__sink_write(sink, block, count * 8, error));
        i += count;
    }
    return SMALTI_OK;
}

static smalti_result write_file(const smalti_exr *exr, smalti__sink *sink, smalti_exr_repair *repair,
                                smalti_error *error)
{
    const smalti_exr_header *header = &exr->header;
    uint64_t end = header->tables_end;
    for (uint64_t i = 0; i < repair->chunks; i++)
        end = exr->extents[i].end > end ? exr->extents[i].end : end;
    SMALTI__TRY(copy_range(exr, sink, 0, header->header_bytes, error));
    SMALTI__TRY(write_tables(exr, sink, repair->chunks, error));
    SMALTI__TRY(copy_range(exr, sink, header->tables_end, end, error));
    repair->bytes = end;
    return smalti__sink_commit(sink, error);
}

smalti_result smalti_exr_repair_file(smalti_exr *exr, const char *output, bool replace, smalti_exr_repair *repair,
                                     smalti_error *error)
{
    smalti_exr_repair done;
    smalti__sink sink;
    if (!exr->header.parts)
        return smalti__fail(error, SMALTI_E_INVALID, "no file is open to be repaired");
    for (uint32_t i = 0; i < exr->header.part_count; i++)
        if (exr->header.parts[i].kind == SMALTI_EXR_OTHER)
            return smalti__exr_fail(exr, error, SMALTI_E_UNSUPPORTED, SMALTI_NO_OFFSET,
                                    "part %u is of a type whose chunks are not known", i);
    SMALTI__TRY(find_chunks(exr, &done, error));
    SMALTI__TRY(smalti__sink_open_file(&sink, output, replace, error));
    smalti_result result = write_file(exr, &sink, &done, error);
    smalti__sink_close(&sink);
    if (result == SMALTI_OK)
        *repair = done;
    return result;
}
