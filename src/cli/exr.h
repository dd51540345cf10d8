/* SPDX-License-Identifier: Apache-2.0
 * What the commands of `smalti exr` share: lists of files, readers in flight, and how headers are written. */
#ifndef SMALTI_CLI_EXR_H
#define SMALTI_CLI_EXR_H

#include "cli/buffer.h"

/* ---- Files ---- */

/* Paths; each is owned. */
typedef struct exr_files {
    char **paths;
    size_t count, room;
} exr_files;

/* Adds a file, or the EXR files of a folder in the order of their names, with recursive also those below it. */
smalti_result exr_files_add(exr_files *files, const char *path, bool recursive, smalti_error *error);
/* The same for all operands. What cannot be read is told on standard error; gives the exit code of the first such. */
int exr_files_gather(exr_files *files, const cli_arguments *arguments, bool recursive);
void exr_files_clear(exr_files *files);

/* ---- Readers in flight ---- */

/* Of all commands that read many files. */
#define EXR_READERS_OPTION \
    {.name = "readers",    \
     .letter = 'j',        \
     .kind = CLI_NUMBER,   \
     .placeholder = "N",   \
     .min = 1,             \
     .max = 64,            \
     .summary = "files read at the same time (default 16)"}

/* Work on the index-th file. Runs in several threads, each with a reader of its own; what it writes to out comes in the
 * order of the files. Fills in *error and returns its code when the file failed; an empty message is not told. */
typedef smalti_result exr_work_fn(void *user, smalti_exr *exr, const char *path, size_t index, cli_buffer *out,
                                  smalti_error *error);

typedef struct exr_run {
    exr_work_fn *work;
    void *user;
    const smalti_exr_options *options;
    uint32_t readers; /* 0: chosen */
    bool json; /* files are elements of an array */
} exr_run;

/* Works on all files, writes standard output, shows a bar, and tells failures. Gives the exit code of the first that failed,
 * else 0. */
int exr_run_files(const exr_run *run, const exr_files *files);

/* ---- Headers ---- */

typedef struct exr_show {
    bool manifest; /* Cryptomatte manifests in full */
    bool full; /* values in full, however long */
} exr_show;

void exr_show_json(const exr_show *show, const smalti_exr *exr, const char *path, cli_buffer *out);
void exr_show_text(const exr_show *show, const smalti_exr *exr, const char *path, cli_buffer *out);
void exr_show_csv(const smalti_exr *exr, const char *path, cli_buffer *out);
extern const char exr_csv_head[];
void exr_show_failed(const char *path, const smalti_error *error, cli_buffer *out); /* JSON */
/* An attribute's value as JSON, and for people. */
void exr_value_json(const exr_show *show, const smalti_exr *exr, const smalti_exr_attribute *attribute, const char *key,
                    cli_buffer *out);
void exr_value_text(const exr_show *show, const smalti_exr_attribute *attribute, cli_buffer *out);
/* Bytes of the layer in front of a channel's name: "diffuse" of "diffuse.R", 0 of "R". */
size_t exr_layer_bytes(const smalti_exr_channel *channel);
uint32_t exr_width(const smalti_exr_box *box);
uint32_t exr_height(const smalti_exr_box *box);

/* ---- Cryptomatte ---- */

/* One set of mattes. */
typedef struct exr_crypto {
    const char *id; /* "cryptomatte/ID/name": a view */
    size_t id_size;
    smalti_exr_text name, hash, conversion, manifest_file;
    const smalti_exr_attribute *manifest;
} exr_crypto;

/* The sets of a part, at most room; gives how many there are. */
size_t exr_crypto_find(const smalti_exr_part *part, exr_crypto *sets, size_t room);
/* Appends the manifest's text and gives its bytes; 0: there is none, or it cannot be read. */
size_t exr_crypto_manifest(const smalti_exr *exr, const exr_crypto *set, cli_buffer *out);
/* Entries of a manifest, a JSON object of names and hashes; false when it is malformed, down to its bytes. */
bool exr_crypto_count(const char *text, size_t size, uint64_t *entries);

/* ---- --where ---- */

typedef struct exr_where exr_where;

/* A condition from its text. Owned. */
smalti_result exr_where_parse(const char *text, exr_where **where, smalti_error *error);
void exr_where_free(exr_where *where); /* NULL is fine */
/* Whether one of the parts fulfils it. NULL: yes. */
bool exr_where_holds(const exr_where *where, const smalti_exr_header *header, const char *path);

#endif
