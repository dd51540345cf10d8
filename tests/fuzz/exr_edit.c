/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: edits of EXR headers. The first bytes choose the changes, the rest is the file. An edit that succeeds leaves a
 * file that is read, with the same chunks; one that fails leaves the file as it was. */
#include "exr/exr.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHANGES = 3, CONTROL = CHANGES * 2 };

static smalti_exr *exr;

static smalti_exr_change change_of(const uint8_t *control)
{
    static const char *const names[] = {"owner", "comments", "channels", "R",       "diffuse", "dataWindow",
                                        "a",     "view",     "name",     "preview", "Z",       "x"};
    static const char *const types[] = {"string", "float", "v2i", "box2i", "chlist", "unheard"};
    static const uint8_t value[300] = {1, 0, 0, 0, 63};
    const char *name = names[control[0] % SMALTI__COUNT(names)];
    smalti_exr_change change = {.kind = (smalti_exr_change_kind)(control[0] / 12 % 5), .part = control[0] / 60 % 3 - 1};
    change.name = name;
    change.new_name = names[control[1] % SMALTI__COUNT(names)];
    change.type_name = types[control[1] % SMALTI__COUNT(types)];
    change.value = value;
    change.value_bytes = control[1] / 6 % 3 ? control[1] % 3 * 4 + 4 : control[1] + 40u;
    return change;
}

static bool look(smalti_exr_check *check)
{
    bool read = smalti_exr_open(exr, fuzz_file_path(), NULL) == SMALTI_OK &&
                smalti_exr_check_structure(exr, check, NULL) == SMALTI_OK;
    smalti_exr_close(exr);
    return read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const smalti_exr_options reader = {.size = sizeof reader, .max_bytes = 16 << 20};
    smalti_exr_change changes[CHANGES];
    smalti_exr_check before, after;
    if (size < CONTROL + 1 || (!exr && smalti_exr_new(&reader, &exr, NULL) < 0))
        return 0;
    for (int i = 0; i < CHANGES; i++)
        changes[i] = change_of(data + 2 * i);
    const smalti_exr_edit_options options = {.size = sizeof options, .insert = size % 2, .copy = size % 16 == 2};
    fuzz_file_write(data + CONTROL, size - CONTROL);
    if (!look(&before))
        return 0;
    if (smalti_exr_edit(fuzz_file_path(), changes, 1 + size % CHANGES, &options, NULL, NULL) < 0) {
        if (!fuzz_file_is(data + CONTROL, size - CONTROL))
            abort();
        return 0;
    }
    if (!look(&after) || after.chunks != before.chunks || after.good < before.good ||
        (before.verdict == SMALTI_EXR_GOOD && after.verdict != SMALTI_EXR_GOOD))
        abort();
    return 0;
}
