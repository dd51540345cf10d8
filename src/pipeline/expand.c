/* SPDX-License-Identifier: Apache-2.0
 * From names to inputs: files, folders and patterns. */
#include "pipeline/job.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include "decode/decode.h"

enum { DEPTH_MAX = 64 }; /* folders within folders */
enum { PART_MAX = 512, DIGITS_MAX = 10 }; /* of a part of a pattern, in bytes; of a frame's number */

struct walk {
    smalti_job *job;
    size_t base;    /* where in a path the part begins that output names keep */
    bool recursive;
    int flags; /* of fnmatch */
    smalti_error *error;
};

static bool is_image(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name)
        return false;
    for (size_t f = 0; smalti__decoder_formats[f]; f++)
        for (const char *const *extension = smalti__decoder_formats[f]->extensions; *extension; extension++)
            if (!strcasecmp(dot + 1, *extension))
                return true;
    return false;
}

static char *join(const char *dir, const char *name)
{
    char *path = NULL;
    size_t size = strlen(dir);
    const char *between = size && dir[size - 1] != '/' ? "/" : "";
    return asprintf(&path, "%s%s%s", dir, between, name) < 0 ? NULL : path;
}

/* Sorted names in a folder, without those that begin with a dot. */
static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static smalti_result read_folder(const struct walk *walk, const char *dir, struct dirent ***entries, int *count)
{
    *count = scandir(*dir ? dir : ".", entries, visible, by_bytes);
    return *count < 0 ? smalti__fail_errno(walk->error, errno, "%s: cannot read the folder", SMALTI__SHOWN(dir))
                      : SMALTI_OK;
}

static void free_entries(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
}

static smalti_result add(const struct walk *walk, const char *path)
{
    return smalti__job_input_append(walk->job, &(smalti__input){.path = path, .name = path + walk->base, .fd = -1},
                                    walk->error);
}

/* A folder on the way from the first one down. */
struct level {
    const struct level *above;
    dev_t device;
    ino_t inode;
    int depth;
};

/* Makes the level of dir, unless it is one of those above: a link leads back up. */
static bool descend(const struct level *above, const char *dir, struct level *level)
{
    struct stat status = {0};
    if (stat(*dir ? dir : ".", &status) < 0)
        status = (struct stat){0}; /* reading it will say why */
    *level = (struct level){above, status.st_dev, status.st_ino, above ? above->depth + 1 : 0};
    for (const struct level *at = above; at; at = at->above)
        if (at->inode == level->inode && at->device == level->device)
            return false;
    return true;
}

static smalti_result folder(const struct walk *walk, const char *dir, const struct level *above)
{
    struct level level;
    struct dirent **entries;
    int count;
    smalti_result result = SMALTI_OK;
    if (!descend(above, dir, &level))
        return SMALTI_OK;
    if (level.depth > DEPTH_MAX)
        return smalti__fail(walk->error, SMALTI_E_LIMIT, "%s: more than %d folders within each other",
                            SMALTI__SHOWN(dir), DEPTH_MAX);
    result = read_folder(walk, dir, &entries, &count);
    if (result < 0) /* a folder below that cannot be read is an input that fails, and the others go on */
        return above ? add(walk, dir) : result;
    for (int i = 0; i < count && result == SMALTI_OK; i++) {
        SMALTI__CLEANUP_FREE char *path = join(dir, entries[i]->d_name);
        struct stat status;
        if (!path)
            result = smalti__fail_nomem(walk->error, strlen(dir));
        else if (stat(path, &status) < 0)
            continue; /* gone, or a link to nowhere */
        else if (S_ISDIR(status.st_mode))
            result = walk->recursive ? folder(walk, path, &level) : SMALTI_OK;
        else if (S_ISREG(status.st_mode) && is_image(path))
            result = add(walk, path);
    }
    free_entries(entries, count);
    return result;
}

/* Matches the folders and files below dir with pattern, component by component; "**" is any number of folders. */
static smalti_result match(const struct walk *walk, const char *dir, const char *pattern, const struct level *above)
{
    struct level level;
    char part[PART_MAX];
    size_t length = strcspn(pattern, "/");
    const char *rest = pattern + length + (pattern[length] == '/');
    struct dirent **entries;
    int count;
    smalti_result result = SMALTI_OK;
    if (!descend(above, dir, &level))
        return SMALTI_OK;
    if (length >= sizeof part || level.depth > DEPTH_MAX)
        return smalti__fail(walk->error, SMALTI_E_LIMIT, "%s: the pattern is too long or too deep",
                            SMALTI__SHOWN(pattern));
    memcpy(part, pattern, length);
    part[length] = '\0';
    bool any = !strcmp(part, "**");
    if (any && *rest)
        SMALTI__TRY(match(walk, dir, rest, above)); /* no folder is entered */
    SMALTI__TRY(read_folder(walk, dir, &entries, &count));
    for (int i = 0; i < count && result == SMALTI_OK; i++) {
        SMALTI__CLEANUP_FREE char *path = join(dir, entries[i]->d_name);
        struct stat status;
        if (!path)
            result = smalti__fail_nomem(walk->error, strlen(dir));
        else if ((!any && fnmatch(part, entries[i]->d_name, walk->flags)) || stat(path, &status) < 0)
            continue;
        else if (S_ISDIR(status.st_mode))
            result = any || *rest ? match(walk, path, any ? pattern : rest, &level) : SMALTI_OK;
        else if (S_ISREG(status.st_mode) && !*rest && (!any || is_image(path)))
            result = add(walk, path);
    }
    free_entries(entries, count);
    return result;
}

/* ---- frames ---- */

/* Bytes of a place for a frame's number, "####" or "%04d", and the digits that it has at least; 0: there is none here. */
static size_t frame_place(const char *text, size_t *digits)
{
    size_t size = strspn(text, "#");
    *digits = size;
    if (size || *text != '%')
        return size;
    size = 1 + strspn(text + 1, "0123456789");
    *digits = strtoul(text + 1, NULL, 10);
    *digits += !*digits;
    return text[size] == 'd' && *digits <= DIGITS_MAX ? size + 1 : 0;
}

static bool has_frames(const char *name)
{
    size_t digits;
    for (; *name; name++)
        if (frame_place(name, &digits))
            return true;
    return false;
}

/* So many digits, or more of a number that needs them; perhaps behind a sign. */
static void put_digits(FILE *out, size_t digits)
{
    static const char digit[] = "[0-9]";
    fputs("?(-)@(", out);
    for (size_t i = 0; i < digits; i++)
        fputs(digit, out);
    fputs("|[1-9]", out);
    for (size_t i = 1; i < digits; i++)
        fputs(digit, out);
    fprintf(out, "+(%s))", digit);
}

/* A pattern for fnmatch, with its extensions where there are frames. Owned; NULL: no memory. */
static char *translate(const char *pattern)
{
    char *text = NULL;
    size_t size, digits;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    while (*pattern) {
        size_t place = frame_place(pattern, &digits);
        if (place)
            put_digits(out, digits < DIGITS_MAX ? digits : DIGITS_MAX);
        else
            fputc(*pattern, out);
        pattern += place ? place : 1;
    }
    return fclose(out) ? (free(text), NULL) : text;
}

static smalti_result expand_pattern(struct walk *walk, const char *name)
{
    bool frames = has_frames(name);
    size_t fixed = strcspn(name, frames ? "*?[#%" : "*?[");
    while (fixed && name[fixed - 1] != '/')
        fixed--;
    SMALTI__CLEANUP_FREE char *dir = strndup(name, fixed);
    SMALTI__CLEANUP_FREE char *pattern = frames ? translate(name + fixed) : strdup(name + fixed);
    if (!dir || !pattern)
        return smalti__fail_nomem(walk->error, strlen(name));
    walk->base = fixed;
    walk->flags = frames ? FNM_PERIOD | FNM_EXTMATCH : FNM_PERIOD;
    return match(walk, dir, pattern, NULL);
}

static smalti_result expand_folder(struct walk *walk, const char *name)
{
    size_t size = strlen(name);
    walk->base = size + (name[size - 1] != '/');
    return folder(walk, name, NULL);
}

smalti_result smalti_job_input_expand(smalti_job *job, const char *name, bool recursive, smalti_error *error)
{
    struct walk walk = {.job = job, .recursive = recursive, .error = error};
    struct stat status;
    size_t before = job->input_count;
    if (!*name)
        return smalti__fail(error, SMALTI_E_INVALID, "an input has an empty name");
    bool there = stat(name, &status) == 0;
    /* a file that is not there is a task that will fail, and the others go on */
    if (there ? !S_ISDIR(status.st_mode) : !strpbrk(name, "*?[") && !has_frames(name))
        return smalti_job_input_add(job, name, error);
    SMALTI__TRY(there ? expand_folder(&walk, name) : expand_pattern(&walk, name));
    if (job->input_count == before)
        return smalti__fail(error, SMALTI_E_INVALID, there ? "%s: no images in the folder%s" : "%s: nothing matches%s",
                            SMALTI__SHOWN(name), there && !recursive ? " (folders below it are read with -r)" : "");
    return SMALTI_OK;
}
