/* SPDX-License-Identifier: Apache-2.0
 * Sealed shared memory. */
#include "worker/sealed.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL };

static smalti_result map(int descriptor, size_t bytes, smalti__sealed *sealed, smalti_error *error)
{
    void *data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (data == MAP_FAILED)
        return smalti__fail_errno(error, errno, "cannot map %zu bytes of shared memory", bytes);
    *sealed = (smalti__sealed){.data = data, .bytes = bytes};
    return SMALTI_OK;
}

smalti_result smalti__sealed_make(const char *name, size_t bytes, smalti__sealed *sealed, int *descriptor,
                                  smalti_error *error)
{
    if (bytes == 0 || bytes > INT64_MAX)
        return smalti__fail(error, SMALTI_E_INVALID_RANGE, "shared memory cannot have %zu bytes", bytes);
    int made = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (made < 0)
        return smalti__fail_errno(error, errno, "no shared memory of %zu bytes", bytes);
    smalti_result result = SMALTI_OK;
    if (ftruncate(made, (off_t)bytes) < 0 || fcntl(made, F_ADD_SEALS, SEALS) < 0)
        result = smalti__fail_errno(error, errno, "no shared memory of %zu bytes", bytes);
    if (result == SMALTI_OK)
        result = map(made, bytes, sealed, error);
    if (result < 0)
        close(made);
    else
        *descriptor = made;
    return result;
}

smalti_result smalti__sealed_open(int descriptor, size_t least, size_t most, smalti__sealed *sealed,
                                  smalti_error *error)
{
    struct stat status;
    int seals = fcntl(descriptor, F_GET_SEALS); /* fails for whatever cannot have any */
    if (seals < 0 || (seals & SEALS) != SEALS)
        return smalti__fail(error, SMALTI_E_PEER, "shared memory whose size is not sealed");
    if (fstat(descriptor, &status) < 0 || status.st_size < 0 || (uint64_t)status.st_size < least ||
        (uint64_t)status.st_size > most)
        return smalti__fail(error, SMALTI_E_PEER, "shared memory of a wrong size");
    return map(descriptor, (size_t)status.st_size, sealed, error);
}

void smalti__sealed_close(smalti__sealed *sealed)
{
    if (sealed->data)
        munmap(sealed->data, sealed->bytes);
    *sealed = (smalti__sealed){0};
}
