/* SPDX-License-Identifier: Apache-2.0
 * Edits in the file itself, so that a kill -9 between any two system calls leaves a file that can be read, with either the
 * old attributes or the new ones.
 *
 * Two things are whole or not at all: a write inside one page, and FALLOC_FL_INSERT_RANGE. A header that changes its size
 * moves the offset tables behind it, which are larger than a page, onto chunks that are in use. So the file takes a detour:
 *
 *   1. Chunks in the way are copied to the end of the file, and their entries in the tables pointed there: 8 bytes each,
 *      and both copies are good.
 *   2. Behind what is left of the old tables a second set of tables is written, where no chunk is any more. One write turns
 *      the end of the old header into an attribute ("smaltiPad") whose value reaches up to it: readers go on there.
 *   3. When there is not enough room, a third set of tables, for chunks that stand n bytes later, is written n bytes before
 *      the second, and n bytes are inserted between header and third set. That one call shifts all chunks and puts the third
 *      set where readers look for tables.
 *   4. The new tables are written into the attribute's value, and one write makes the new header out of the old one with
 *      the attribute: readers find the new tables right behind it.
 *   5. The chunks come back from the end of the file to where they were (n bytes later), their entries follow, and the file
 *      is cut to its length.
 *
 * That needs the bytes of the header that change, from the first to the end of the attribute's head, to lie in one page, and
 * no entry to be changed to lie across two; otherwise edit_copy.c makes a new file. And in files of one part with scan lines
 * no chunk is moved unless asked for: the C++ library before OpenEXR 3.3 takes for granted that they follow each other. */
#include "exr/edit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAD_HEAD = sizeof "smaltiPad" + sizeof "pad" + 4, ROOM_FOR_MORE = 4096, COPY_BYTES = 256 << 10 };

typedef struct place {
    smalti__exr_edit *edit;
    smalti_error *error;
    uint64_t file_bytes;
    uint64_t first_chunk; /* in the file: begin of the chunk that comes first */
    uint64_t first_difference;
    uint32_t ends;    /* bytes that end the headers: 1, or 2 in files of many parts */
    uint64_t pad_at;  /* where the attribute goes: at those bytes */
    uint64_t dead_at; /* behind its head: here begins what nobody reads in step 3 */
    uint64_t second_at; /* of the second set of tables, with the end of the headers before it */
    uint64_t needed_to; /* chunks that begin before this are in the way */
    uint64_t inserted, insert_at;
    uint64_t moved_bytes; /* chunks copied to the end */
    uint64_t *entries;    /* begins of chunks, as they are at each moment; owned */
    uint64_t *moved;      /* indices of the chunks in the way; owned */
    size_t moved_count;
    uint8_t *tables; /* scratch: end of the headers and tables; owned */
} place;

static bool in_one_page(uint64_t from, uint64_t to)
{
    return from >= to || from / SMALTI__EXR_KILL_PAGE == (to - 1) / SMALTI__EXR_KILL_PAGE;
}

static smalti_result put(place *p, uint64_t offset, const void *data, size_t size)
{
    return smalti__exr_edit_write(p->edit, p->edit->fd, offset, data, size, p->error);
}

/* With options.sync: nothing that follows comes to the disk before what went before. */
static smalti_result barrier(place *p)
{
    if (p->edit->options->sync && fdatasync(p->edit->fd) < 0)
        return smalti__fail_errno(p->error, errno, "%s: cannot be synchronised", SMALTI__SHOWN(p->edit->path));
    return SMALTI_OK;
}

/* ---- One write ---- */

/* Where the headers begin and, as they may have the same size, end to differ. */
static void find_differences(const smalti__exr_edit *edit, uint64_t *from, uint64_t *to)
{
    uint64_t common = edit->old_size < edit->new_size ? edit->old_size : edit->new_size;
    *from = 0;
    while (*from < common && edit->old_bytes[*from] == edit->new_bytes[*from])
        ++*from;
    *to = edit->old_size;
    while (edit->old_size == edit->new_size && *to > *from && edit->old_bytes[*to - 1] == edit->new_bytes[*to - 1])
        --*to;
}

/* A header of the same size. */
static smalti_result patch_header(place *p, bool *done)
{
    smalti__exr_edit *edit = p->edit;
    uint64_t from, to;
    find_differences(edit, &from, &to);
    if (edit->had_pad || edit->old_size != edit->new_size || !in_one_page(from, to))
        return SMALTI_OK;
    *done = true;
    edit->result.way = SMALTI_EXR_PATCHED;
    SMALTI__TRY(put(p, from, edit->new_bytes + from, to - from));
    return barrier(p);
}

static void fill_tables(const place *p, uint64_t shift);

/* A header of another size, when it lies in one page with the tables, and they end before the pixels. */
static smalti_result patch_tables(place *p, bool *done)
{
    smalti__exr_edit *edit = p->edit;
    uint8_t page[SMALTI__EXR_KILL_PAGE] = {0};
    uint64_t from, to, old_end = edit->old_size + edit->table_size, new_end = edit->new_size + edit->table_size;
    find_differences(edit, &from, &to);
    to = old_end > new_end ? old_end : new_end;
    if (to > sizeof page || new_end > p->first_chunk)
        return SMALTI_OK;
    *done = true;
    edit->result.way = SMALTI_EXR_PATCHED;
    fill_tables(p, 0);
    memcpy(page, edit->new_bytes, edit->new_size);
    memcpy(page + edit->new_size, p->tables + p->ends, edit->table_size);
    SMALTI__TRY(put(p, from, page + from, to - from));
    return barrier(p);
}

/* ---- Planning ---- */

/* Everything in the way of second_at and what it needs; false when the file is not one for this. Only of what is moved the
 * extent must be known: the rest is shifted as a whole, whatever it is, and a head for each of its chunks is a read of the
 * disk for each. */
static bool find_moved(place *p)
{
    const smalti__exr_edit *edit = p->edit;
    smalti_exr_check check;
    if (smalti__exr_check(edit->exr, p->needed_to, &check, NULL) < 0 || check.verdict != SMALTI_EXR_GOOD)
        return false;
    const smalti__exr_extent *extents = edit->exr->extents;
    p->moved_count = 0;
    p->moved_bytes = 0;
    for (uint64_t i = 0; i < edit->chunk_count; i++) {
        if (extents[i].begin >= p->needed_to)
            continue;
        uint64_t entry = edit->old_size + i * 8, new_entry = edit->new_size + i * 8;
        if (!in_one_page(entry, entry + 8) || !in_one_page(new_entry, new_entry + 8))
            return false;
        p->moved[p->moved_count++] = i;
        p->moved_bytes += extents[i].end - extents[i].begin;
    }
    bool in_a_row = !(edit->exr->header.flags & SMALTI_EXR_FLAG_MULTI_PART) &&
                    (edit->exr->header.parts[0].kind == SMALTI_EXR_SCANLINE ||
                     edit->exr->header.parts[0].kind == SMALTI_EXR_DEEP_SCANLINE);
    if (p->moved_count && in_a_row && !edit->options->insert)
        return false;
    /* to copy much to spare a copy of all is not worth it */
    return p->moved_bytes <= p->file_bytes / 2 || p->moved_bytes < 1 << 20;
}

static bool plan(place *p, uint64_t block)
{
    const smalti__exr_edit *edit = p->edit;
    uint64_t tables = edit->table_size, old_end = edit->old_size + tables, new_end = edit->new_size + tables;
    uint64_t last;
    find_differences(edit, &p->first_difference, &last);
    p->pad_at = edit->old_size - p->ends;
    p->dead_at = p->pad_at + PAD_HEAD;
    p->first_difference = p->first_difference < p->pad_at ? p->first_difference : p->pad_at;
    if (!in_one_page(p->first_difference, p->dead_at))
        return false;
    uint64_t far = old_end > new_end ? old_end : new_end;
    p->second_at = far > p->dead_at ? far : p->dead_at;
    if (new_end > p->first_chunk) {
        uint64_t least = new_end - p->first_chunk, set = p->ends + tables;
        p->inserted = ((least > set ? least : set) + ROOM_FOR_MORE + block - 1) / block * block;
        p->insert_at = (p->dead_at + block - 1) / block * block;
        uint64_t third = p->insert_at + p->inserted;
        p->second_at = third > p->second_at ? third : p->second_at;
    }
    p->needed_to = p->second_at + p->ends + tables;
    return p->needed_to - p->dead_at < INT32_MAX && find_moved(p);
}

/* Whether the file system inserts, tried on a file without a name beside it. */
static bool can_insert(const smalti__exr_edit *edit, uint64_t block)
{
    char *folder = strdup(edit->path), *slash = folder ? strrchr(folder, '/') : NULL;
    if (!folder)
        return false;
    if (slash)
        slash[slash == folder] = 0;
    int fd = open(slash ? folder : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    free(folder);
    if (fd < 0)
        return false;
    bool can = !ftruncate(fd, (off_t)(2 * block)) && !fallocate(fd, FALLOC_FL_INSERT_RANGE, (off_t)block, (off_t)block);
    close(fd);
    return can;
}

/* ---- Tables ---- */

/* The bytes that end the headers, and all entries; shift is added to each. */
static void fill_tables(const place *p, uint64_t shift)
{
    memset(p->tables, 0, p->ends);
    for (uint64_t i = 0; i < p->edit->chunk_count; i++)
        smalti__put_le64(p->tables + p->ends + i * 8, p->entries[i] + shift);
}

/* Writes the entries of the moved chunks; neighbours go with one write. */
static smalti_result put_moved_entries(place *p, uint64_t tables_at)
{
    fill_tables(p, 0);
    for (size_t i = 0, end; i < p->moved_count; i = end) {
        uint64_t first = p->moved[i];
        for (end = i + 1; end < p->moved_count && p->moved[end] == first + (end - i); end++) {
        }
        SMALTI__TRY(put(p, tables_at + first * 8, p->tables + p->ends + first * 8, (end - i) * 8));
    }
    return SMALTI_OK;
}

/* ---- Chunks ---- */

/* Copies the moved chunks from where their entries say to places[], in that order. */
static smalti_result copy_chunks(place *p, const uint64_t *places)
{
    const smalti__exr_extent *extents = p->edit->exr->extents;
    SMALTI__CLEANUP_FREE uint8_t *block = malloc(COPY_BYTES);
    if (!block)
        return smalti__fail_nomem(p->error, COPY_BYTES);
    for (size_t i = 0; i < p->moved_count; i++) {
        uint64_t index = p->moved[i], from = p->entries[index], to = places[i];
        uint64_t left = extents[index].end - extents[index].begin;
        while (left) {
            size_t size = left < COPY_BYTES ? left : COPY_BYTES;
            ssize_t got = pread(p->edit->fd, block, size, (off_t)from);
            if (got < 0 && errno == EINTR)
                continue;
            if (got <= 0)
                return smalti__fail_errno(p->error, got < 0 ? errno : EIO, "%s: cannot be read",
                                          SMALTI__SHOWN(p->edit->path));
            SMALTI__TRY(put(p, to, block, (size_t)got));
            from += (uint64_t)got, to += (uint64_t)got, left -= (uint64_t)got;
        }
    }
    return SMALTI_OK;
}

static smalti_result set_entries(place *p, const uint64_t *places, uint64_t tables_at)
{
    for (size_t i = 0; i < p->moved_count; i++)
        p->entries[p->moved[i]] = places[i];
    return put_moved_entries(p, tables_at);
}

/* Where the moved chunks go: behind the end of the file, or back. */
static void places_behind(const place *p, uint64_t *places)
{
    uint64_t at = p->file_bytes > p->needed_to ? p->file_bytes : p->needed_to; /* behind the second tables, too */
    for (size_t i = 0; i < p->moved_count; i++) {
        const smalti__exr_extent *extent = &p->edit->exr->extents[p->moved[i]];
        places[i] = at;
        at += extent->end - extent->begin;
    }
}

static void places_before(const place *p, uint64_t *places)
{
    for (size_t i = 0; i < p->moved_count; i++)
        places[i] = p->edit->exr->extents[p->moved[i]].begin + p->inserted;
}

/* ---- The steps ---- */

/* 1 */
static smalti_result clear_the_way(place *p, uint64_t *places)
{
    if (!p->moved_count)
        return SMALTI_OK;
    places_behind(p, places);
    SMALTI__TRY(copy_chunks(p, places));
    SMALTI__TRY(barrier(p));
    SMALTI__TRY(set_entries(p, places, p->edit->old_size));
    return barrier(p);
}

/* 2 */
static smalti_result turn_to_second(place *p)
{
    uint8_t head[PAD_HEAD];
    fill_tables(p, 0);
    SMALTI__TRY(put(p, p->second_at, p->tables, p->ends + p->edit->table_size));
    SMALTI__TRY(barrier(p));
    memcpy(head, smalti__exr_pad_name, sizeof "smaltiPad");
    memcpy(head + sizeof "smaltiPad", smalti__exr_pad_type, sizeof "pad");
    smalti__put_le32(head + sizeof "smaltiPad" + sizeof "pad", (uint32_t)(p->second_at - p->dead_at));
    SMALTI__TRY(put(p, p->pad_at, head, sizeof head));
    return barrier(p);
}

/* 3 */
static smalti_result insert(place *p)
{
    if (!p->inserted)
        return SMALTI_OK;
    fill_tables(p, p->inserted);
    SMALTI__TRY(put(p, p->second_at - p->inserted, p->tables, p->ends + p->edit->table_size));
    SMALTI__TRY(barrier(p));
    while (fallocate(p->edit->fd, FALLOC_FL_INSERT_RANGE, (off_t)p->insert_at, (off_t)p->inserted) < 0)
        if (errno != EINTR)
            return smalti__fail_errno(p->error, errno, "%s: blocks cannot be inserted", SMALTI__SHOWN(p->edit->path));
    for (uint64_t i = 0; i < p->edit->chunk_count; i++)
        p->entries[i] += p->inserted;
    return SMALTI_OK;
}

/* 4 */
static smalti_result turn_to_new(place *p)
{
    smalti__exr_edit *edit = p->edit;
    uint64_t size = edit->new_size + edit->table_size, split = p->dead_at < size ? p->dead_at : size;
    uint8_t *whole = malloc(size);
    if (!whole)
        return smalti__fail_nomem(p->error, size);
    fill_tables(p, 0);
    memcpy(whole, edit->new_bytes, edit->new_size);
    memcpy(whole + edit->new_size, p->tables + p->ends, edit->table_size);
    smalti_result result = barrier(p);
    if (result == SMALTI_OK)
        result = put(p, split, whole + split, size - split);
    if (result == SMALTI_OK)
        result = barrier(p);
    if (result == SMALTI_OK)
        result = put(p, p->first_difference, whole + p->first_difference, split - p->first_difference);
    free(whole);
    return result < 0 ? result : barrier(p);
}

/* 5; and what is between tables and chunks is made 0 */
static smalti_result bring_back(place *p, uint64_t *places)
{
    smalti__exr_edit *edit = p->edit;
    uint64_t tables_end = edit->new_size + edit->table_size, chunks = p->first_chunk + p->inserted;
    static const uint8_t zeros[4096];
    places_before(p, places);
    SMALTI__TRY(copy_chunks(p, places));
    SMALTI__TRY(barrier(p));
    SMALTI__TRY(set_entries(p, places, edit->new_size));
    SMALTI__TRY(barrier(p));
    for (uint64_t at = tables_end; at < chunks; at += sizeof zeros)
        SMALTI__TRY(put(p, at, zeros, chunks - at < sizeof zeros ? chunks - at : sizeof zeros));
    if (p->moved_count && ftruncate(edit->fd, (off_t)(p->file_bytes + p->inserted)) < 0)
        return smalti__fail_errno(p->error, errno, "%s: cannot be cut to its length", SMALTI__SHOWN(edit->path));
    return barrier(p);
}

/* After a failure in 1 to 3: the old file again, by steps that are safe too. before: what stood in the file up to
 * needed_to. Errors are not told: the first one was. */
static void undo(place *p, const uint8_t *before, bool turned)
{
    smalti__exr_edit *edit = p->edit;
    smalti_error *error = p->error;
    uint64_t old_end = edit->old_size + edit->table_size;
    p->error = NULL;
    bool good = true;
    if (turned) { /* the old tables again, behind what the attribute's head covers, then the head */
        uint8_t *old = malloc(old_end);
        good = old != NULL;
        if (good) {
            fill_tables(p, 0);
            memcpy(old, edit->old_bytes, edit->old_size);
            memcpy(old + edit->old_size, p->tables + p->ends, edit->table_size);
            uint64_t split = p->dead_at < old_end ? p->dead_at : old_end;
            good = put(p, split, old + split, old_end - split) == SMALTI_OK && barrier(p) == SMALTI_OK &&
                   put(p, p->pad_at, old + p->pad_at, split - p->pad_at) == SMALTI_OK && barrier(p) == SMALTI_OK;
        }
        free(old);
    }
    if (good && p->needed_to > old_end)
        good = put(p, old_end, before + old_end,
                   (p->needed_to < p->file_bytes ? p->needed_to : p->file_bytes) - old_end) == SMALTI_OK;
    for (size_t i = 0; good && i < p->moved_count; i++) /* what of a chunk stands behind needed_to was never touched */
        p->entries[p->moved[i]] = edit->exr->extents[p->moved[i]].begin;
    good = good && barrier(p) == SMALTI_OK && put_moved_entries(p, edit->old_size) == SMALTI_OK;
    if (good && p->moved_count && ftruncate(edit->fd, (off_t)p->file_bytes) < 0)
        good = false; /* bytes that nobody reads stay behind the end */
    p->error = error;
}

static smalti_result transact(place *p, uint64_t *places, const uint8_t *before)
{
    smalti_result result = clear_the_way(p, places);
    bool turned = false;
    if (result == SMALTI_OK) {
        result = turn_to_second(p);
        turned = true;
    }
    if (result == SMALTI_OK)
        result = insert(p);
    if (result < 0) {
        undo(p, before, turned);
        return result;
    }
    SMALTI__TRY(turn_to_new(p));
    return bring_back(p, places);
}

/* ---- All together ---- */

static smalti_result prepare(place *p, smalti_error *error)
{
    const smalti__exr_edit *edit = p->edit;
    uint64_t chunks = edit->chunk_count;
    p->ends = edit->exr->header.flags & SMALTI_EXR_FLAG_MULTI_PART ? 2 : 1;
    p->file_bytes = edit->exr->header.file_bytes;
    p->first_chunk = p->file_bytes;
    p->entries = malloc((chunks + 1) * sizeof *p->entries);
    p->moved = malloc((chunks + 1) * sizeof *p->moved);
    p->tables = malloc(edit->table_size + p->ends);
    if (!p->entries || !p->moved || !p->tables)
        return smalti__fail_nomem(error, edit->table_size);
    for (uint64_t i = 0; i < chunks; i++) {
        p->entries[i] = edit->exr->extents[i].begin;
        p->first_chunk = p->entries[i] < p->first_chunk ? p->entries[i] : p->first_chunk;
    }
    return SMALTI_OK;
}

static smalti_result move(place *p, smalti_error *error)
{
    uint64_t size = p->needed_to < p->file_bytes ? p->needed_to : p->file_bytes;
    SMALTI__CLEANUP_FREE uint64_t *places = malloc((p->moved_count + 1) * sizeof *places);
    SMALTI__CLEANUP_FREE uint8_t *before = malloc(size);
    if (!places || !before)
        return smalti__fail_nomem(error, size);
    SMALTI__TRY(smalti__exr_read_at(p->edit->exr, 0, before, size, error));
    SMALTI__TRY(transact(p, places, before));
    p->edit->result.way = p->inserted ? SMALTI_EXR_INSERTED : SMALTI_EXR_MOVED;
    return SMALTI_OK;
}

smalti_result smalti__exr_edit_place(smalti__exr_edit *edit, bool *done, smalti_error *error)
{
    place p = {.edit = edit, .error = error};
    uint64_t block = SMALTI__EXR_KILL_PAGE;
    struct stat status;
    smalti_exr_check check;
    *done = false;
    SMALTI__TRY(patch_header(&p, done));
    if (*done || edit->had_pad || edit->foreign || fstat(edit->fd, &status) < 0)
        return SMALTI_OK;
    if (status.st_blksize > (blksize_t)block)
        block = (uint64_t)status.st_blksize;
    SMALTI__TRY(smalti__exr_check(edit->exr, 0, &check, error));
    if (check.verdict != SMALTI_EXR_GOOD)
        return SMALTI_OK; /* its tables are not to be trusted */
    smalti_result result = prepare(&p, error);
    if (result == SMALTI_OK)
        result = patch_tables(&p, done);
    if (result == SMALTI_OK && !*done && plan(&p, block) && (!p.inserted || can_insert(edit, block))) {
        *done = true;
        result = move(&p, error);
    }
    free(p.entries);
    free(p.moved);
    free(p.tables);
    return result;
}
