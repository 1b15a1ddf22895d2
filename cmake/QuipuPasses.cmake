# quipu_pass_tablegen(GROUP): Passes.h.inc of the Passes.td in LLVM_TARGET_DEFINITIONS. Statistics become
# quipu::PassStatistic (ir/Llama/PassStatistics.h), which counts whatever LLVM was built with; mlir-tblgen always writes
# mlir::Pass::Statistic.
macro(quipu_pass_tablegen group)
  mlir_tablegen(MlirPasses.h.inc -gen-pass-decls -name ${group})
  add_custom_command(
    OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/Passes.h.inc
    COMMAND ${CMAKE_COMMAND} -DINPUT=${CMAKE_CURRENT_BINARY_DIR}/MlirPasses.h.inc
            -DOUTPUT=${CMAKE_CURRENT_BINARY_DIR}/Passes.h.inc -P ${PROJECT_SOURCE_DIR}/cmake/PassStatistics.cmake
    DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/MlirPasses.h.inc ${PROJECT_SOURCE_DIR}/cmake/PassStatistics.cmake
    VERBATIM)
  list(APPEND TABLEGEN_OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/Passes.h.inc)
endmacro()
