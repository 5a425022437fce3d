// zstd's compressor with what level 1 needs and nothing else: a quarter of its size. The pinned
// release has no macros for that. Here the names of the other strategies, and of long-distance
// matching, stand for functions that find no match, which is correct for any input, only does not
// compress. Frames are the same bytes as before; what is read is not limited in any way.
//
// CMakeLists.txt leaves out the files whose functions are replaced here.
#include "compress/zstd_compress_internal.h"
#include "compress/zstd_compress_superblock.h"
#include "compress/zstd_double_fast.h"
#include "compress/zstd_lazy.h"
#include "compress/zstd_ldm.h"
#include "compress/zstd_opt.h"
// The matcher itself, for its static functions.
#include "compress/zstd_fast.c"  // NOLINT(bugprone-suspicious-include)

// All of the block is literals.
static size_t NoMatches(ZSTD_matchState_t* ms, seqStore_t* sequences, U32 rep[ZSTD_REP_NUM],
                        const void* src, size_t size) {
  (void)ms, (void)sequences, (void)rep, (void)src;
  return size;
}

// ZSTD_compressBlock_fast without the variants for negative levels. A block of any size may go to
// any of these: which hash is best depends on the size, which is why level 1 has three.
static size_t Level1(ZSTD_matchState_t* ms, seqStore_t* sequences, U32 rep[ZSTD_REP_NUM],
                     const void* src, size_t size) {
  switch (ms->cParams.minMatch) {
    case 7:
      return ZSTD_compressBlock_fast_noDict_7_0(ms, sequences, rep, src, size);
    case 6:
      return ZSTD_compressBlock_fast_noDict_6_0(ms, sequences, rep, src, size);
    default:
      return ZSTD_compressBlock_fast_noDict_5_0(ms, sequences, rep, src, size);
  }
}

#define ZSTD_compressBlock_fast Level1
#define ZSTD_compressBlock_fast_extDict NoMatches
#define ZSTD_compressBlock_fast_dictMatchState NoMatches
#define ZSTD_compressBlock_doubleFast NoMatches
#define ZSTD_compressBlock_doubleFast_extDict NoMatches
#define ZSTD_compressBlock_doubleFast_dictMatchState NoMatches
#define ZSTD_compressBlock_greedy NoMatches
#define ZSTD_compressBlock_greedy_extDict NoMatches
#define ZSTD_compressBlock_greedy_dictMatchState NoMatches
#define ZSTD_compressBlock_greedy_dedicatedDictSearch NoMatches
#define ZSTD_compressBlock_greedy_row NoMatches
#define ZSTD_compressBlock_greedy_extDict_row NoMatches
#define ZSTD_compressBlock_greedy_dictMatchState_row NoMatches
#define ZSTD_compressBlock_greedy_dedicatedDictSearch_row NoMatches
#define ZSTD_compressBlock_lazy NoMatches
#define ZSTD_compressBlock_lazy_extDict NoMatches
#define ZSTD_compressBlock_lazy_dictMatchState NoMatches
#define ZSTD_compressBlock_lazy_dedicatedDictSearch NoMatches
#define ZSTD_compressBlock_lazy_row NoMatches
#define ZSTD_compressBlock_lazy_extDict_row NoMatches
#define ZSTD_compressBlock_lazy_dictMatchState_row NoMatches
#define ZSTD_compressBlock_lazy_dedicatedDictSearch_row NoMatches
#define ZSTD_compressBlock_lazy2 NoMatches
#define ZSTD_compressBlock_lazy2_extDict NoMatches
#define ZSTD_compressBlock_lazy2_dictMatchState NoMatches
#define ZSTD_compressBlock_lazy2_dedicatedDictSearch NoMatches
#define ZSTD_compressBlock_lazy2_row NoMatches
#define ZSTD_compressBlock_lazy2_extDict_row NoMatches
#define ZSTD_compressBlock_lazy2_dictMatchState_row NoMatches
#define ZSTD_compressBlock_lazy2_dedicatedDictSearch_row NoMatches
#define ZSTD_compressBlock_btlazy2 NoMatches
#define ZSTD_compressBlock_btlazy2_extDict NoMatches
#define ZSTD_compressBlock_btlazy2_dictMatchState NoMatches
#define ZSTD_compressBlock_btopt NoMatches
#define ZSTD_compressBlock_btopt_extDict NoMatches
#define ZSTD_compressBlock_btopt_dictMatchState NoMatches
#define ZSTD_compressBlock_btultra NoMatches
#define ZSTD_compressBlock_btultra_extDict NoMatches
#define ZSTD_compressBlock_btultra_dictMatchState NoMatches
#define ZSTD_compressBlock_btultra2 NoMatches

// What fills tables of dictionaries, and of the strategies above.
#define ZSTD_fillHashTable(...) ((void)0)
#define ZSTD_fillDoubleHashTable(...) ((void)0)
#define ZSTD_dedicatedDictSearch_lazy_loadDictionary(...) ((void)0)
#define ZSTD_row_update(...) ((void)0)
#define ZSTD_insertAndFindFirstIndex(...) ((void)0)
#define ZSTD_updateTree(...) ((void)0)

#define ZSTD_ldm_adjustParameters(...) ((void)0)
#define ZSTD_ldm_getTableSize(...) ((size_t)0)
#define ZSTD_ldm_getMaxNbSeq(...) ((size_t)0)
#define ZSTD_ldm_skipRawSeqStoreBytes(...) ((void)0)
#define ZSTD_ldm_skipSequences(...) ((void)0)
#define ZSTD_ldm_fillHashTable(...) ((void)0)
#define ZSTD_ldm_generateSequences(...) ((size_t)0)
#define ZSTD_ldm_blockCompress(store, ms, sequences, rep, params, src, size) (size)

// 0: the block goes as it is.
#define ZSTD_compressSuperBlock(...) ((size_t)0)

#include "compress/zstd_compress.c"  // NOLINT(bugprone-suspicious-include)
