/* SPDX-License-Identifier: Apache-2.0
 * Edits of EXR headers: what they change, that pixels stay, and that a kill at any system call leaves the old file or the
 * new one. */
#include "test.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "exr/edit.h"
#include "exr_make.h"
#include "files.h"

static smalti_error error;

/* ---- What a file says ---- */

static uint64_t add_hash(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
    return hash;
}

typedef struct state {
    uint64_t attributes; /* names, types, values, in order; without what a killed edit may leave */
    uint64_t pixels;     /* all chunks, in the order of the tables */
    bool padded;
    smalti_exr_check check;
    uint64_t file_bytes;
} state;

/* Fails the test when the file is not good. */
static state look_at(const char *path)
{
    smalti_exr *exr;
    state s = {.attributes = 1, .pixels = 1};
    CHECK_OK(smalti_exr_new(&(smalti_exr_options){.size = sizeof(smalti_exr_options), .keep_bytes = UINT32_MAX}, &exr,
                            &error),
             error);
    CHECK_OK(smalti_exr_open(exr, path, &error), error);
    const smalti_exr_header *header = smalti_exr_header_get(exr);
    for (uint32_t p = 0; p < header->part_count; p++)
        for (uint32_t i = 0; i < header->parts[p].attribute_count; i++) {
            const smalti_exr_attribute *attribute = &header->parts[p].attributes[i];
            if (!strcmp(attribute->name, smalti__exr_pad_name)) {
                s.padded = true;
                continue;
            }
            s.attributes = add_hash(s.attributes, attribute->name, strlen(attribute->name) + 1);
            s.attributes = add_hash(s.attributes, attribute->type_name, strlen(attribute->type_name) + 1);
            s.attributes = add_hash(s.attributes, attribute->value, attribute->size);
        }
    CHECK_OK(smalti_exr_check_structure(exr, &s.check, &error), error);
    if (s.check.verdict != SMALTI_EXR_GOOD)
        TEST_FAIL("%s: %s at %llu", smalti_exr_verdict_name(s.check.verdict), s.check.fault,
                  (unsigned long long)s.check.fault_offset);
    for (uint64_t i = 0; i < s.check.chunks; i++) {
        size_t size = exr->extents[i].end - exr->extents[i].begin;
        uint8_t *chunk = malloc(size);
        CHECK_OK(smalti__exr_read_at(exr, exr->extents[i].begin, chunk, size, &error), error);
        s.pixels = add_hash(s.pixels, chunk, size);
        free(chunk);
    }
    s.file_bytes = header->file_bytes;
    smalti_exr_free(exr);
    return s;
}

/* The text of a string attribute in a part, "-" when there is none. */
static const char *text_of(const char *path, uint32_t part, const char *name)
{
    static char out[512];
    smalti_exr *exr;
    smalti_exr_text text = {"-", 1};
    CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
    CHECK_OK(smalti_exr_open(exr, path, &error), error);
    const smalti_exr_attribute *attribute = smalti_exr_attribute_find(&smalti_exr_header_get(exr)->parts[part], name);
    if (attribute)
        CHECK(smalti_exr_attribute_text(attribute, 0, &text));
    snprintf(out, sizeof out, "%.*s", (int)text.size, text.data);
    smalti_exr_free(exr);
    return out;
}

static const char *channel_of(const char *path, uint32_t index)
{
    static char out[300];
    smalti_exr *exr;
    CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
    CHECK_OK(smalti_exr_open(exr, path, &error), error);
    snprintf(out, sizeof out, "%s", smalti_exr_header_get(exr)->parts[0].channels[index].name);
    smalti_exr_free(exr);
    return out;
}

/* ---- Changes ---- */

static smalti_exr_change set(const char *name, const char *text)
{
    return (smalti_exr_change){SMALTI_EXR_SET, -1, name, NULL, "string", text, (uint32_t)strlen(text)};
}

static smalti_exr_change change(smalti_exr_change_kind kind, const char *name, const char *new_name)
{
    return (smalti_exr_change){.kind = kind, .part = -1, .name = name, .new_name = new_name};
}

static smalti_exr_way edit(const char *path, smalti_exr_change one)
{
    smalti_exr_edit_result result;
    CHECK_OK(smalti_exr_edit(path, &one, 1, NULL, &result, &error), error);
    return result.way;
}

static void more(make *m)
{
    make_string(m, "owner", "somebody");
    make_string(m, "comments", "none");
}

static const char *write_make(make *m, const char *name)
{
    const char *path = file_path(name);
    CHECK(file_write(path, m->data, m->size));
    make_free(m);
    return path;
}

/* A scan line file with many chunks, so that its table is long. */
static const char *write_simple(const char *name, int rows)
{
    make m;
    make_simple(&m,
                (make_part){.compression = 2, .window = {0, 0, 19, rows - 1}, .more = more, .channels = "A B G R Z:f"});
    return write_make(&m, name);
}

static const char *write_parts(const char *name)
{
    make m;
    make_begin(&m, 0x1000 | 0x800);
    make_add(&m, (make_part){.name = "scan", .compression = 3, .window = {0, 0, 40, 150}, .more = more});
    make_add(&m,
             (make_part){.name = "tiles", .kind = MAKE_TILED, .mode = 2, .compression = 2, .window = {3, -7, 40, 50}});
    make_add(&m, (make_part){.name = "deep", .kind = MAKE_DEEP_SCANLINE, .compression = 2, .more = more});
    make_finish(&m);
    return write_make(&m, name);
}

TEST("attributes are set, added, renamed and deleted, and pixels stay")
{
    const char *path = write_simple("a.exr", 300);
    state before = look_at(path);
    CHECK_INT(edit(path, set("owner", "somebodx")), SMALTI_EXR_PATCHED);
    CHECK_STR(text_of(path, 0, "owner"), "somebodx");
    CHECK_INT(edit(path, set("owner", "somebodx")), SMALTI_EXR_UNCHANGED);
    edit(path, set("owner", "a much longer name than it was before"));
    CHECK_STR(text_of(path, 0, "owner"), "a much longer name than it was before");
    edit(path, set("new", "one"));
    CHECK_STR(text_of(path, 0, "new"), "one");
    edit(path, change(SMALTI_EXR_RENAME, "new", "renamed"));
    CHECK_STR(text_of(path, 0, "new"), "-");
    CHECK_STR(text_of(path, 0, "renamed"), "one");
    edit(path, set("owner", "a"));
    edit(path, change(SMALTI_EXR_DELETE, "renamed", NULL));
    CHECK_STR(text_of(path, 0, "renamed"), "-");
    edit(path, set("owner", "somebody"));
    state after = look_at(path);
    CHECK(after.pixels == before.pixels && after.attributes == before.attributes && !after.padded);
}

TEST("channels and layers get new names, as long as their order stays")
{
    make m;
    make_simple(&m, (make_part){.channels = "B G R diffuse.B diffuse.G diffuse.sub.R diffuser.R"});
    const char *path = write_make(&m, "channels.exr");
    state before = look_at(path);
    smalti_exr_change wrong = change(SMALTI_EXR_RENAME_CHANNEL, "B", "H");
    CHECK_INT(smalti_exr_edit(path, &wrong, 1, NULL, NULL, &error), SMALTI_E_INVALID);
    CHECK_HAS(error.message, "another order");
    edit(path, change(SMALTI_EXR_RENAME_CHANNEL, "B", "C"));
    CHECK_STR(channel_of(path, 0), "C");
    edit(path, change(SMALTI_EXR_RENAME_LAYER, "diffuse", "diff"));
    CHECK_STR(channel_of(path, 3), "diff.B");
    CHECK_STR(channel_of(path, 5), "diff.sub.R");
    CHECK_STR(channel_of(path, 6), "diffuser.R");
    edit(path, change(SMALTI_EXR_RENAME_LAYER, "diff", "diffuse.with.a.name.of.more.than.31.bytes"));
    CHECK_STR(channel_of(path, 3), "diffuse.with.a.name.of.more.than.31.bytes.B");
    CHECK(look_at(path).pixels == before.pixels);
}

TEST("one part of many is edited, or all")
{
    const char *path = write_parts("parts.exr");
    state before = look_at(path);
    smalti_exr_change one = set("owner", "only me");
    one.part = 2;
    edit(path, one);
    CHECK_STR(text_of(path, 0, "owner"), "somebody");
    CHECK_STR(text_of(path, 1, "owner"), "-");
    CHECK_STR(text_of(path, 2, "owner"), "only me");
    edit(path, set("shot", "010"));
    CHECK_STR(text_of(path, 1, "shot"), "010");
    edit(path, set("owner", "x"));
    edit(path, change(SMALTI_EXR_DELETE, "comments", NULL));
    state after = look_at(path);
    CHECK(after.pixels == before.pixels && !after.padded);
}

TEST("changes that cannot be are refused, and the file stays")
{
    const char *path = write_parts("refused.exr");
    state before = look_at(path);
    const struct {
        smalti_exr_change change;
        const char *message;
    } cases[] = {
        {change(SMALTI_EXR_DELETE, "nothing", NULL), "'nothing' is not there"},
        {change(SMALTI_EXR_DELETE, "dataWindow", NULL), "'dataWindow' is missing"},
        {change(SMALTI_EXR_RENAME, "owner", "comments"), "another attribute has it"},
        {change(SMALTI_EXR_RENAME_CHANNEL, "Q", "R"), "is not there"},
        {change(SMALTI_EXR_RENAME_CHANNEL, "B", "G"), "twice"},
        {{SMALTI_EXR_SET, 2, "compression", NULL, "compression", "\1", 1}, "mean something else"},
        {{SMALTI_EXR_SET, 0, "compression", NULL, "compression", "\1", 1}, "the chunk count is"},
        {{SMALTI_EXR_SET, 0, "compression", NULL, "int", "\2\0\0\0", 4}, "not of type compression"},
        {{SMALTI_EXR_SET, 0, "lineOrder", NULL, "lineOrder", "\1", 1}, "mean something else"},
        {{SMALTI_EXR_SET, 0, "x", NULL, "float", "\2", 1}, "has 1 bytes, not 4"},
        {{SMALTI_EXR_SET, 0, "name", NULL, "string", "deep", 4}, "the same name"},
        {{SMALTI_EXR_SET, 0, "", NULL, "string", "deep", 4}, "1 to 255 bytes"},
        {{SMALTI_EXR_SET, 9, "x", NULL, "string", "deep", 4}, "there is no part 9"},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        smalti_result result = smalti_exr_edit(path, &cases[i].change, 1, NULL, NULL, &error);
        CHECK_INT(smalti_result_class(result), 1);
        CHECK_HAS(error.message, cases[i].message);
    }
    state after = look_at(path);
    CHECK(after.pixels == before.pixels && after.attributes == before.attributes &&
          after.file_bytes == before.file_bytes);
    smalti_exr_change one = set("a", "b");
    CHECK_INT(smalti_exr_edit(file_path("missing.exr"), &one, 1, NULL, NULL, &error), SMALTI_E_IO);
}

TEST("a copy, a backup and another output leave the old file")
{
    const char *path = write_simple("copy.exr", 40), *backup = file_path("copy.bak"), *output = file_path("other.exr");
    state before = look_at(path);
    smalti_exr_change one = set("owner", "a longer name");
    smalti_exr_edit_options options = {.size = sizeof options, .output = output};
    smalti_exr_edit_result result;
    CHECK(!chmod(path, 0640));
    CHECK_OK(smalti_exr_edit(path, &one, 1, &options, &result, &error), error);
    CHECK(result.way >= SMALTI_EXR_CLONED);
    CHECK(look_at(path).attributes == before.attributes);
    CHECK(look_at(output).pixels == before.pixels);
    CHECK_STR(text_of(output, 0, "owner"), "a longer name");
    CHECK_INT(smalti_exr_edit(path, &one, 1, &options, NULL, &error), SMALTI_E_INVALID_CONFLICT);
    options.replace = true;
    CHECK_OK(smalti_exr_edit(path, &one, 1, &options, NULL, &error), error);
    options = (smalti_exr_edit_options){.size = sizeof options, .backup = backup};
    CHECK_OK(smalti_exr_edit(path, &one, 1, &options, NULL, &error), error);
    CHECK(look_at(backup).attributes == before.attributes);
    CHECK_STR(text_of(path, 0, "owner"), "a longer name");
    struct stat status;
    CHECK(!stat(path, &status) && (status.st_mode & 0777) == 0640);
    CHECK_INT(smalti_exr_edit(path, &one, 1, &options, NULL, &error), 0); /* nothing to change */
    one = set("owner", "b");
    CHECK_INT(smalti_exr_edit(path, &one, 1, &options, NULL, &error), SMALTI_E_INVALID_CONFLICT);
    CHECK_STR(text_of(path, 0, "owner"), "a longer name");
    options = (smalti_exr_edit_options){.size = sizeof options, .copy = true, .sync = true};
    CHECK_OK(smalti_exr_edit(path, &one, 1, &options, &result, &error), error);
    CHECK(result.way >= SMALTI_EXR_CLONED && look_at(path).pixels == before.pixels);
}

TEST("files with missing chunks are edited by a copy, and stay as they are otherwise")
{
    make m;
    smalti_exr_check check;
    smalti_exr *exr;
    make_simple(&m, (make_part){.compression = 2, .more = more});
    make_put_u64(&m, m.header_end + 3 * 8, 0);
    const char *path = write_make(&m, "unfinished.exr");
    edit(path, set("owner", "a longer name"));
    CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
    CHECK_OK(smalti_exr_open(exr, path, &error), error);
    CHECK_OK(smalti_exr_check_structure(exr, &check, &error), error);
    CHECK_INT(check.verdict, SMALTI_EXR_UNFINISHED);
    CHECK_INT(check.good, 11);
    smalti_exr_free(exr);
}

TEST("chunks of an unknown type are taken along as they are")
{
    make m;
    make_begin(&m, 0x1000);
    make_add(&m, (make_part){.name = "a", .compression = 2, .more = more});
    make_add(&m, (make_part){.name = "b", .compression = 2});
    make_finish(&m);
    uint8_t *type = memmem(m.data + 300, m.size - 300, "scanlineimage", 13);
    memcpy(type, "newkindofpart", 13);
    uint64_t first = smalti__le64(m.data + m.header_end);
    uint8_t chunk[100];
    memcpy(chunk, m.data + first, sizeof chunk);
    const char *path = write_make(&m, "unknown.exr");
    edit(path, set("owner", "a longer name than before"));
    size_t size = 0;
    uint8_t *data = file_read(path, &size);
    CHECK(data && memmem(data, size, "a longer name than before", 25));
    smalti_exr *exr;
    CHECK_OK(smalti_exr_new(NULL, &exr, &error), error);
    CHECK_OK(smalti_exr_open_memory(exr, data, size, "a.exr", &error), error);
    const smalti_exr_part *parts = smalti_exr_header_get(exr)->parts;
    CHECK_INT(parts[0].kind, SMALTI_EXR_OTHER);
    CHECK(!memcmp(data + smalti__le64(data + parts[0].table_offset), chunk, sizeof chunk));
    smalti_exr_free(exr);
    free(data);
}

/* ---- Killed ---- */

/* Makes the change in a process that is killed at its stop-th stop, of which there are two for each system call. Gives 1 when it came
 * to its end before that, 0 when it was killed, -1 when processes cannot be watched here. */
static int edit_killed(const char *path, const smalti_exr_change *one, const smalti_exr_edit_options *options, int stop)
{
    pid_t child = fork();
    if (!child) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
            _exit(77);
        raise(SIGSTOP);
        _exit(smalti_exr_edit(path, one, 1, options, NULL, NULL) < 0);
    }
    int status, ended = -1;
    if (waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status))
        return -1;
    ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL));
    for (int i = 0;; i++) {
        if (i == stop) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            ended = 0;
            break;
        }
        if (ptrace(PTRACE_SYSCALL, child, NULL, NULL) < 0 || waitpid(child, &status, 0) < 0)
            break;
        if (WIFEXITED(status)) {
            ended = WEXITSTATUS(status) == 0 ? 1 : -1;
            break;
        }
    }
    return ended;
}

/* Kills an edit of a file at every stop, and looks at the file each time; then a second edit must put things right. */
static void kill_everywhere(const char *path, smalti_exr_change one, const smalti_exr_edit_options *options)
{
    size_t size = 0;
    uint8_t *original = file_read(path, &size);
    CHECK(original != NULL);
    state old = look_at(path), padded_state;
    int stops = 0, ended = 0, seen_new = 0, seen_old = 0;
    CHECK_OK(smalti_exr_edit(path, &one, 1, options, NULL, &error), error);
    state new = look_at(path);
    CHECK(new.pixels == old.pixels &&new.attributes != old.attributes);
    for (stops = 0; !ended; stops += 2) { /* a stop before a call is the same as that behind the last */
        unlink(path);
        CHECK(file_write(path, original, size));
        ended = edit_killed(path, &one, options, stops);
        if (ended < 0) {
            free(original);
            TEST_SKIP("processes cannot be watched here");
        }
        state now = look_at(path);
        if (now.pixels != old.pixels)
            TEST_FAIL("stop %d: pixels are others", stops);
        if (now.attributes != old.attributes && now.attributes != new.attributes)
            TEST_FAIL("stop %d: neither old nor new", stops);
        seen_old += now.attributes == old.attributes;
        seen_new += now.attributes == new.attributes;
        if (now.padded || now.check.unused_bytes != old.check.unused_bytes) {
            edit(path, set("again", "and again"));
            padded_state = look_at(path);
            CHECK(padded_state.pixels == old.pixels && !padded_state.padded);
        }
    }
    CHECK(seen_old > 3 && seen_new > 0 && stops > 20);
    free(original);
}

TEST("a kill at any system call leaves the old file or the new one: a value of the same size")
{
    kill_everywhere(write_simple("kill-patch.exr", 100), set("owner", "somebodx"), NULL);
}

TEST("… a longer value, by a copy")
{
    const char *path = write_simple("kill-longer.exr", 300);
    kill_everywhere(path, set("owner", "somebody with a name that is longer than it was before"), NULL);
}

TEST("… a longer value, for which blocks are inserted")
{
    const smalti_exr_edit_options options = {.size = sizeof options, .insert = true};
    const char *path = write_simple("kill-insert.exr", 300);
    kill_everywhere(path, set("owner", "somebody with a name that is longer than it was before"), &options);
}

TEST("… a shorter value, with chunks that move")
{
    const smalti_exr_edit_options options = {.size = sizeof options, .insert = true};
    kill_everywhere(write_simple("kill-move.exr", 600), set("owner", "x"), &options);
}

TEST("… a shorter value, in one page")
{
    kill_everywhere(write_simple("kill-shorter.exr", 60), set("owner", "x"), NULL);
}

TEST("… room that is there already")
{
    make m;
    make_begin(&m, 0);
    m.gap = 20000;
    make_add(&m, (make_part){.compression = 2, .window = {0, 0, 19, 599}, .more = more});
    make_finish(&m);
    kill_everywhere(write_make(&m, "kill-gap.exr"), set("owner", "somebody with a longer name"), NULL);
}

TEST("… a file of many parts")
{
    kill_everywhere(write_parts("kill-parts.exr"), set("comments", "a comment that is somewhat longer"), NULL);
}

TEST("… a file that is smaller than the room it needs")
{
    const smalti_exr_edit_options options = {.size = sizeof options, .insert = true};
    kill_everywhere(write_simple("kill-small.exr", 3), set("owner", "somebody with a longer name"), &options);
}

TEST("… a copy")
{
    const smalti_exr_edit_options options = {.size = sizeof options, .copy = true};
    kill_everywhere(write_simple("kill-copy.exr", 100), set("owner", "somebody with a longer name"), &options);
}

TEST("… with the disk waited for")
{
    const smalti_exr_edit_options options = {.size = sizeof options, .sync = true, .insert = true};
    kill_everywhere(write_simple("kill-sync.exr", 60), set("owner", "somebody with a longer name"), &options);
}

static smalti_exr_way edit_with(const char *path, const char *owner, bool insert)
{
    smalti_exr_change one = set("owner", owner);
    smalti_exr_edit_options options = {.size = sizeof options, .insert = insert};
    smalti_exr_edit_result result;
    CHECK_OK(smalti_exr_edit(path, &one, 1, &options, &result, &error), error);
    return result.way;
}

static const char long_name[] = "somebody with a longer name",
                  longer_name[] = "somebody with a name that is even longer";

TEST("the way is the one that costs least and is safe")
{
    const char *path = write_simple("way.exr", 600); /* tables of more than a page */
    int fd = open(path, O_RDWR);
    bool can = !fallocate(fd, 0x20 /* FALLOC_FL_INSERT_RANGE */, 4096, 4096);
    close(fd);
    path = write_simple("way.exr", 600);
    struct stat before, after;
    CHECK(!stat(path, &before));
    CHECK(edit_with(path, long_name, false) >= SMALTI_EXR_CLONED); /* scan lines stay in a row */
    CHECK_INT(edit_with(write_simple("short.exr", 20), "x", false), SMALTI_EXR_PATCHED);
    if (!can)
        TEST_SKIP("this file system cannot insert");
    path = write_simple("way.exr", 600);
    CHECK(!stat(path, &before));
    CHECK_INT(edit_with(path, long_name, true), SMALTI_EXR_INSERTED);
    CHECK(!stat(path, &after) && before.st_ino == after.st_ino);
    make m;
    make_simple(&m, (make_part){.kind = MAKE_TILED, .compression = 2, .window = {0, 0, 200, 200}, .more = more});
    path = write_make(&m, "way-tiled.exr");
    CHECK_INT(edit_with(path, long_name, false), SMALTI_EXR_INSERTED);
    CHECK_INT(edit_with(path, longer_name, false), SMALTI_EXR_MOVED);
    CHECK_INT(edit_with(path, "x", false), SMALTI_EXR_MOVED);
}

TEST("a copy of a large file leaves room for the next edit")
{
    make m;
    make_simple(&m, (make_part){.compression = 2, .window = {0, 0, 799, 599}, .more = more});
    const char *path = write_make(&m, "room.exr");
    state before = look_at(path);
    CHECK(edit_with(path, long_name, false) >= SMALTI_EXR_CLONED);
    CHECK_INT(edit_with(path, longer_name, false), SMALTI_EXR_MOVED);
    CHECK_INT(edit_with(path, "x", false), SMALTI_EXR_MOVED);
    CHECK(look_at(path).pixels == before.pixels);
}

/* ---- Values from text ---- */

TEST("values are made from text")
{
    const struct {
        const char *type, *text;
        uint32_t size;
        const char *bytes;
    } cases[] = {
        {"int", "-2", 4, "\xfe\xff\xff\xff"},
        {"v2i", "1, 2", 8, "\1\0\0\0\2\0\0\0"},
        {"float", "0.5", 4, "\0\0\0\x3f"},
        {"double", "1", 8, "\0\0\0\0\0\0\xf0\x3f"},
        {"string", "a b", 3, "a b"},
        {"string", "", 0, ""},
        {"stringvector", "a,,bc", 15, "\1\0\0\0a\0\0\0\0\2\0\0\0bc"},
        {"rational", "24000/1001", 8, "\xc0\x5d\0\0\xe9\3\0\0"},
        {"rational", "25", 8, "\x19\0\0\0\1\0\0\0"},
        {"timecode", "12:34:56:07", 8, "\x07\x56\x34\x12\0\0\0\0"},
        {"timecode", "01:02:03;29", 8, "\x69\x03\x02\x01\0\0\0\0"},
        {"envmap", "cube", 1, "\1"},
        {"floatvector", "1 2 1", 12, "\0\0\x80\x3f\0\0\0\x40\0\0\x80\x3f"},
        {"studioThing", "00fF", 2, "\0\xff"},
        {"box2i", "0 0 1 1", 16, "\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0"},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        void *value;
        uint32_t size;
        CHECK_OK(smalti_exr_value_from_text(cases[i].type, cases[i].text, &value, &size, &error), error);
        if (size != cases[i].size || memcmp(value, cases[i].bytes, size))
            TEST_FAIL("%s '%s'", cases[i].type, cases[i].text);
        free(value);
    }
}

TEST("text that is no value is refused")
{
    const char *const cases[][2] = {
        {"int", "x"},
        {"int", "1.5"},
        {"int", "3000000000"},
        {"v2i", "1"},
        {"v2i", "1 2 3"},
        {"float", ""},
        {"float", "1e99"},
        {"m33f", "1 2 3"},
        {"envmap", "ball"},
        {"timecode", "1:2:3"},
        {"timecode", "24:00:00:00"},
        {"timecode", "01:02:03:04x"},
        {"rational", "1/-2"},
        {"bytes", "abc"},
        {"other", "xy"},
        {"chlist", "R"},
        {"rational", "1/2/3"},
    };
    for (size_t i = 0; i < SMALTI__COUNT(cases); i++) {
        void *value = NULL;
        uint32_t size;
        smalti_result result = smalti_exr_value_from_text(cases[i][0], cases[i][1], &value, &size, &error);
        if (smalti_result_class(result) != 1 || value)
            TEST_FAIL("%s '%s' gave %d", cases[i][0], cases[i][1], result);
    }
}
