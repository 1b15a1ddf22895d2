# Run by quipu_pass_tablegen:
#   cmake -DINPUT=FILE -DOUTPUT=FILE -P PassStatistics.cmake
file(READ ${INPUT} text)
string(REPLACE "::mlir::Pass::Statistic" "::quipu::PassStatistic" text "${text}")
file(WRITE ${OUTPUT} "${text}")
