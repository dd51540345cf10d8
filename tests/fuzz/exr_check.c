/* SPDX-License-Identifier: Apache-2.0
 * Fuzz target: the checks of EXR files and their repair. From memory and from a file they say the same; every chunk is counted
 * once; what repair writes has at least the chunks that there were. */
#include "exr/exr.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static smalti_exr *exr;

static bool check(smalti_exr_check *structure, smalti_exr_check *pixels)
{
    if (smalti_exr_check_structure(exr, structure, NULL) < 0)
        return false;
    uint64_t sum = structure->good + structure->missing + structure->beyond + structure->misplaced +
                   structure->mislabelled + structure->impossible + structure->overlapping;
    if (sum != structure->chunks || (structure->verdict == SMALTI_EXR_GOOD) != !*structure->fault)
        abort();
    if (smalti_exr_check_pixels(exr, pixels, NULL) < 0) {
        *pixels = (smalti_exr_check){0};
        return true;
    }
    if (pixels->chunks != structure->chunks || pixels->good + pixels->undecodable != structure->good ||
        pixels->verdict < structure->verdict)
        abort();
    return true;
}

static void repair(const smalti_exr_check *before)
{
    static char path[160];
    smalti_exr_repair result;
    smalti_exr_check after;
    if (!*path)
        snprintf(path, sizeof path, "%s.repaired", fuzz_file_path());
    smalti_result done = smalti_exr_repair_file(exr, path, true, &result, NULL);
    if (done < 0)
        return;
    if (result.kept + result.found + result.missing != result.chunks)
        abort();
    bool read =
        smalti_exr_open(exr, path, NULL) == SMALTI_OK && smalti_exr_check_structure(exr, &after, NULL) == SMALTI_OK;
    if (!read || after.chunks != before->chunks || after.good < before->good)
        abort();
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const smalti_exr_options options = {.size = sizeof options, .max_bytes = 16 << 20};
    smalti_exr_check memory[2], file[2];
    if (!exr && smalti_exr_new(&options, &exr, NULL) < 0)
        abort();
    uint8_t *exact = malloc(size ? size : 1); /* so that a read past the end is seen */
    if (!exact)
        return 0;
    if (size)
        memcpy(exact, data, size);
    bool good = smalti_exr_open_memory(exr, exact, size, "fuzz", NULL) == SMALTI_OK && check(&memory[0], &memory[1]);
    if (good && size % 4 == 0) {
        fuzz_file_write(data, size);
        if (smalti_exr_open(exr, fuzz_file_path(), NULL) == SMALTI_OK && check(&file[0], &file[1])) {
            if (memcmp(&memory[0].verdict, &file[0].verdict, sizeof file[0].verdict) ||
                memory[0].good != file[0].good || memory[0].fault_offset != file[0].fault_offset ||
                (memory[1].chunks && file[1].chunks && memory[1].good != file[1].good))
                abort();
            repair(&file[0]);
        }
        smalti_exr_close(exr);
    }
    free(exact);
    return 0;
}
